// Command pulumi-language-python lets the Pulumi engine run this project's Python program.
//
// It speaks the public LanguageRuntime protocol and is used only where no official Pulumi is installed, because the official
// language host cannot be built from published Go modules (docs/adr/0001-engine.md). It runs programs; it generates no code
// and runs no plugins written in Python (ours is an executable of its own).
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/util/rpcutil"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
)

const (
	engineHealthPeriod = time.Second
	programGrace       = 3 * time.Second // from the polite signal to the program until the one it cannot refuse
)

func main() {
	for _, name := range []string{"tracing", "root", "toolchain", "virtualenv", "typechecker"} {
		flag.String(name, "", "accepted because engines pass it; the same values arrive with each request")
	}
	flag.Parse()
	if err := serve(flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers the engine until the engine is gone or asks for the end; the program that it runs ends with it.
func serve(engine string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if engine != "" {
		if err := rpcutil.Healthcheck(ctx, engine, engineHealthPeriod, stop); err != nil {
			return err
		}
	}
	host := &host{engine: engine}
	cancel := make(chan bool)
	ended := make(chan struct{})
	go func() {
		<-ctx.Done()
		host.program.stop(programGrace)
		close(ended)
		close(cancel)
	}()
	handle, err := rpcutil.ServeWithOptions(rpcutil.ServeOptions{
		Cancel: cancel,
		Init: func(server *grpc.Server) error {
			pulumirpc.RegisterLanguageRuntimeServer(server, host)
			return nil
		},
	})
	if err != nil {
		return err
	}
	fmt.Println(handle.Port) // the engine reads the port from the first line
	err = <-handle.Done
	stop()
	<-ended
	return err
}
