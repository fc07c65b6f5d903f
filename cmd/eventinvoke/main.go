// Command eventinvoke keeps the asynchronous-invocation settings of a fleet of
// AWS Lambda functions as declared in YAML: it reads the declaration and what
// AWS holds, shows the difference, and closes it at a pace that the account can
// bear. Run it without arguments for its verbs.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// streams are the three ends of the process.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() { os.Exit(runProcess(streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})) }

// runProcess is the program between its streams, and returns its exit code.
func runProcess(s streams) int {
	// The quota is the clock, and processor time is plentiful: collecting twice
	// as often keeps a fleet of 100,000 functions within the memory of a small
	// container. Whoever sets GOGC has decided otherwise.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
	var more []os.Signal
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		more = append(more, syscall.SIGHUP) // the terminal went away; a worker takes it for a wish to look
	}
	return run(signalContext(more...), os.Args[1:], s)
}

// signalContext is cancelled by the first SIGINT or SIGTERM, or another of the
// signals given, with the signal as its cause. A second signal has its default
// effect: the process ends at once.
func signalContext(more ...os.Signal) context.Context {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(more, os.Interrupt, syscall.SIGTERM)...)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(interrupt{s})
	}()
	return ctx
}
