package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
)

func infoWithVirtualenv(t *testing.T, root, folder string) *pulumirpc.ProgramInfo {
	t.Helper()
	options, err := structpb.NewStruct(map[string]any{"virtualenv": folder})
	if err != nil {
		t.Fatal(err)
	}
	return &pulumirpc.ProgramInfo{RootDirectory: root, Options: options}
}

func TestTheInterpreterIsTheVirtualenvsOfTheProject(t *testing.T) {
	root := t.TempDir()
	python := filepath.Join(root, ".venv", "bin", "python")
	if err := os.MkdirAll(filepath.Dir(python), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(python, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	found, err := interpreter(infoWithVirtualenv(t, root, ".venv"))
	if err != nil || found != python {
		t.Fatalf("got %q, %v; expected %q", found, err, python)
	}
}

func TestAMissingVirtualenvIsAnErrorThatNamesTheRemedy(t *testing.T) {
	_, err := interpreter(infoWithVirtualenv(t, t.TempDir(), ".venv"))
	if err == nil || !strings.Contains(err.Error(), "make setup") {
		t.Fatalf("got %v", err)
	}
}

func TestAnExitStatusIsHandedOn(t *testing.T) {
	var p program
	status, err := p.run(exec.Command("sh", "-c", "exit 32"))
	if err != nil || status != 32 {
		t.Fatalf("got %d, %v; expected 32", status, err)
	}
}

func TestAStoppedProgramIsGoneEvenIfItIgnoresThePoliteSignal(t *testing.T) {
	var p program
	marker := filepath.Join(t.TempDir(), "started")
	command := exec.Command("sh", "-c", `trap "" TERM; touch "$0"; while :; do sleep 0.05; done`, marker)
	ended := make(chan error)
	go func() {
		_, err := p.run(command)
		ended <- err
	}()
	for {
		if _, err := os.Stat(marker); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.stop(100 * time.Millisecond)
	if err := <-ended; err == nil {
		t.Fatal("a killed program must be an error")
	}
	if _, err := p.run(exec.Command("true")); err == nil {
		t.Fatal("no program may start after the stop")
	}
}
