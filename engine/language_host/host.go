package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

var version = "0.0.0" // set by the linker

// The exit status by which Pulumi's Python executor says that it has shown the user what was wrong.
const exitAfterMessage = 32

//go:embed required_packages.py
var requiredPackages string

type host struct {
	pulumirpc.UnimplementedLanguageRuntimeServer
	engine  string
	program program
}

func (h *host) Handshake(
	_ context.Context, request *pulumirpc.LanguageHandshakeRequest,
) (*pulumirpc.LanguageHandshakeResponse, error) {
	h.engine = request.GetEngineAddress()
	return &pulumirpc.LanguageHandshakeResponse{}, nil
}

func (h *host) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

// GetRequiredPackages names the provider plugins of the SDKs in the program's environment; the engine downloads those it lacks.
func (h *host) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	python, err := interpreter(request.GetInfo())
	if err != nil {
		return nil, err
	}
	output, err := exec.CommandContext(ctx, python, "-I", "-c", requiredPackages).Output()
	if err != nil {
		return nil, fmt.Errorf("listing the Pulumi packages of %s: %w", python, err)
	}
	var packages []*pulumirpc.PackageDependency
	if err := json.Unmarshal(output, &packages); err != nil {
		return nil, fmt.Errorf("listing the Pulumi packages of %s: %w", python, err)
	}
	return &pulumirpc.GetRequiredPackagesResponse{Packages: packages}, nil
}

// Run runs the program once, for a preview or an update, and waits for its end.
func (h *host) Run(_ context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	python, err := interpreter(request.GetInfo())
	if err != nil {
		return nil, err
	}
	command, err := h.command(python, request)
	if err != nil {
		return nil, err
	}
	status, err := h.program.run(command)
	switch {
	case err != nil:
		return nil, err
	case status == 0:
		return &pulumirpc.RunResponse{}, nil
	case status == exitAfterMessage:
		return &pulumirpc.RunResponse{Bail: true}, nil
	}
	return &pulumirpc.RunResponse{Error: fmt.Sprintf("the program ended with exit status %d", status)}, nil
}

// command is the call of Pulumi's own Python executor, which lies beside this host.
func (h *host) command(python string, request *pulumirpc.RunRequest) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	values := request.GetConfig()
	if values == nil {
		values = map[string]string{} // a nil map would read as null
	}
	config, err := json.Marshal(values)
	if err != nil {
		return nil, err
	}
	secretKeys, err := json.Marshal(append([]string{}, request.GetConfigSecretKeys()...))
	if err != nil {
		return nil, err
	}
	info := request.GetInfo()
	arguments := []string{
		"-u", filepath.Join(filepath.Dir(self), "pulumi-language-python-exec"),
		"--monitor", request.GetMonitorAddress(),
		"--engine", h.engine,
		"--project", request.GetProject(),
		"--stack", request.GetStack(),
		"--organization", request.GetOrganization(),
		"--root_directory", info.GetRootDirectory(),
		"--pwd", request.GetPwd(),
		"--dry_run", fmt.Sprint(request.GetDryRun()),
		"--parallel", fmt.Sprint(request.GetParallel()),
		filepath.Join(info.GetProgramDirectory(), info.GetEntryPoint()),
	}
	command := exec.Command(python, append(arguments, request.GetArgs()...)...)
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.Env = append(os.Environ(), "PULUMI_CONFIG="+string(config), "PULUMI_CONFIG_SECRET_KEYS="+string(secretKeys))
	return command, nil
}

// Cancel is the engine's word that the user wants the end: the program is told, and killed if it does not listen.
func (h *host) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	go h.program.stop(programGrace)
	return &emptypb.Empty{}, nil
}

func (h *host) About(ctx context.Context, request *pulumirpc.AboutRequest) (*pulumirpc.AboutResponse, error) {
	python, err := interpreter(request.GetInfo())
	if err != nil {
		return nil, err
	}
	output, err := exec.CommandContext(ctx, python, "-V").Output()
	if err != nil {
		return nil, err
	}
	return &pulumirpc.AboutResponse{
		Executable: python,
		Version:    strings.TrimPrefix(strings.TrimSpace(string(output)), "Python "),
	}, nil
}

// GetProgramDependencies lists nothing: the lock file of the project is the list.
func (h *host) GetProgramDependencies(
	context.Context, *pulumirpc.GetProgramDependenciesRequest,
) (*pulumirpc.GetProgramDependenciesResponse, error) {
	return &pulumirpc.GetProgramDependenciesResponse{}, nil
}

// InstallDependencies only says where the environment comes from: `make setup` knows the lock, the extras and the checks.
func (h *host) InstallDependencies(
	_ *pulumirpc.InstallDependenciesRequest,
	stream grpc.ServerStreamingServer[pulumirpc.InstallDependenciesResponse],
) error {
	return stream.Send(&pulumirpc.InstallDependenciesResponse{Stdout: []byte("the environment is made by `make setup`\n")})
}
