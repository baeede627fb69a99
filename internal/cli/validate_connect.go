package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/ingest/kafka"
)

// validateConnections asks what the configuration names whether it can be used,
// and prints a line for each.
func validateConnections(ctx context.Context, env *Env, c *configs.Config) error {
	if c.Kafka == nil {
		_, err := fmt.Fprintln(env.Stdout, "kafka: the section is not there, so nothing is asked")
		return err
	}
	away, wrong := 0, 0
	for _, f := range kafka.Verify(ctx, *c.Kafka, kafka.Surroundings{Log: env.Log, Path: c.Path}) {
		state := "ok"
		switch {
		case f.Unreachable:
			state = "UNREACHABLE"
			away++
		case !f.OK:
			state = "WRONG"
			wrong++
		}
		if _, err := fmt.Fprintf(env.Stdout, "kafka %s: %s: %s\n", f.What, state, f.Says); err != nil {
			return err
		}
	}
	switch {
	case away > 0:
		return &Exit{Code: ExitUnreachable, Err: errors.New("what is needed cannot be reached")}
	case wrong > 0:
		return &Exit{Code: ExitDifference, Err: fmt.Errorf("%d things are not as the configuration needs them", wrong)}
	}
	return nil
}
