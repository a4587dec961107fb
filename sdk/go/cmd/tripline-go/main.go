// Command tripline-go makes a component of a plugin: `go run github.com/tripline/tripline/sdk/go/cmd/tripline-go build -o plugin.wasm`.
//
// What holds: it is `go build` and `tripline componentize`, with the flags that they need; it fetches nothing, and what it leaves behind is the
// component alone. Flags of go build's may stand in GOFLAGS.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const usage = `usage: tripline-go build [-o plugin.wasm] [-tripline PROGRAM] [PACKAGE]

Makes a component of a Go package with a plugin; PACKAGE is the one in this folder unless it is named. It wants go, and tripline: on PATH, as -tripline says,
or as the environment variable TRIPLINE says.`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 || args[0] != "build" {
		return errors.New(usage)
	}
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprintln(os.Stderr, usage) }
	output := flags.String("o", "plugin.wasm", "")
	program := flags.String("tripline", os.Getenv("TRIPLINE"), "")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if flags.NArg() > 1 {
		return fmt.Errorf("one package at a time, and there are %d\n%s", flags.NArg(), usage)
	}
	plugin := "."
	if flags.NArg() == 1 {
		plugin = flags.Arg(0)
	}
	return build(plugin, *output, *program)
}

func build(plugin, output, program string) error {
	if program == "" {
		program = "tripline"
	}
	if _, err := exec.LookPath(program); err != nil {
		return fmt.Errorf("%s is not there: put it on PATH, or say where it is with -tripline or TRIPLINE (%w)", program, err)
	}
	scratch, err := os.MkdirTemp("", "tripline-go")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	began, core := time.Now(), filepath.Join(scratch, "core.wasm")
	// A library, whose functions the host calls; without symbols, which nobody reads: Go's names of functions are elsewhere in it.
	compile := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", core, plugin)
	compile.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if err := told(compile); err != nil {
		return err
	}
	if err := told(exec.Command(program, "componentize", core, "-o", output)); err != nil {
		return err
	}
	about, err := os.Stat(output)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %.1f MB in %.1f s\n", output, float64(about.Size())/1e6, time.Since(began).Seconds())
	return nil
}

// What the program says is shown where it fails.
func told(command *exec.Cmd) error {
	said, err := command.CombinedOutput()
	if err != nil {
		os.Stderr.Write(said)
		return fmt.Errorf("%s: %w", filepath.Base(command.Path), err)
	}
	return nil
}
