// Tributary turns impressions, clicks and conversions into figures that a
// marketer can act on now and an accountant can trust tomorrow.
package main

import (
	"os"

	"github.com/tributary-data/tributary/internal/cli"
)

func main() {
	ctx, stop := cli.Signals()
	code := cli.Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
