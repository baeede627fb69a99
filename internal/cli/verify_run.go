package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/tributary-data/tributary/configs"
	"github.com/tributary-data/tributary/internal/verify"
)

func runVerify(ctx context.Context, env *Env, o verifyOptions) (err error) {
	results, err := verify.Run(ctx)
	if err != nil {
		return err
	}
	failed, group := 0, ""
	for _, r := range results {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(env.Stdout, "%s\n", group)
		}
		word := "holds"
		if !r.Holds() {
			word = "FAILS"
			failed++
		}
		fmt.Fprintf(env.Stdout, "  %s  %s\n", word, r.Name)
		for _, f := range r.Faults {
			fmt.Fprintf(env.Stdout, "           %s\n", f)
		}
	}
	if o.Data != "" {
		cfg := configs.Default()
		cfg.State.Dir = o.Data
		d, err := openData(env, cfg)
		if err != nil {
			return err
		}
		fmt.Fprintf(env.Stdout, "%s\n", o.Data)
		n, err := d.verify(ctx, env)
		if err = errors.Join(err, d.close()); err != nil {
			return err
		}
		failed += n
	}
	if failed > 0 {
		return &Exit{ExitDifference, fmt.Errorf("%d things do not hold in this build", failed)}
	}
	_, err = fmt.Fprintf(env.Stdout, "everything holds in this build (%s)\n", buildVersion())
	return err
}
