package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// interpreter is the Python of Pulumi.yaml's runtime option `virtualenv` (relative to the project's root), else
// $PULUMI_PYTHON_CMD, else python3.
func interpreter(info *pulumirpc.ProgramInfo) (string, error) {
	if folder := info.GetOptions().GetFields()["virtualenv"].GetStringValue(); folder != "" {
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(info.GetRootDirectory(), folder)
		}
		python := filepath.Join(folder, "bin", "python")
		if _, err := os.Stat(python); err != nil {
			return "", fmt.Errorf("there is no Python environment in %s; `make setup` makes it", folder)
		}
		return python, nil
	}
	if python := os.Getenv("PULUMI_PYTHON_CMD"); python != "" {
		return python, nil
	}
	return "python3", nil
}

// program is the one process of the user's that a host runs at a time. Its zero value runs nothing.
type program struct {
	mutex   sync.Mutex
	process *os.Process
	ended   chan struct{}
	stopped bool
}

// run starts the command and waits for it. A program that was stopped, or died by a signal, is an error; a plain exit is a status.
func (p *program) run(command *exec.Cmd) (int, error) {
	p.mutex.Lock()
	if p.stopped {
		p.mutex.Unlock()
		return 0, errors.New("cancelled before the program started")
	}
	if err := command.Start(); err != nil {
		p.mutex.Unlock()
		return 0, fmt.Errorf("starting %s: %w", command.Path, err)
	}
	p.process, p.ended = command.Process, make(chan struct{})
	p.mutex.Unlock()

	err := command.Wait()
	p.mutex.Lock()
	close(p.ended)
	p.process = nil
	p.mutex.Unlock()

	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 0, fmt.Errorf("the program ended early: %w", err)
	}
	return 0, nil
}

// stop asks the running program to end, kills it after the grace, and lets no other start.
func (p *program) stop(grace time.Duration) {
	p.mutex.Lock()
	p.stopped = true
	process, ended := p.process, p.ended
	p.mutex.Unlock()
	if process == nil {
		return
	}
	_ = process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(grace):
		_ = process.Kill()
	}
}
