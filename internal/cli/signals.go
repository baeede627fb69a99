package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Signals gives a context that the first SIGINT or SIGTERM ends, so that the
// command drains. A second one leaves at once: what was acknowledged is
// durable by then, so nothing is lost but the time to read it again. stop
// gives the signals back.
func Signals() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // the first and the second
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(ExitInterrupted)
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
	}
}
