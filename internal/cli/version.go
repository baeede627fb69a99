package cli

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

func versionCommand() *command {
	return &command{
		name:  "version",
		short: "print the version, the commit and the Go release",
		run: func(_ context.Context, env *Env, _ []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := io.WriteString(env.Stdout, versionText(info))
			return err
		},
	}
}

func versionText(info *debug.BuildInfo) string {
	version, commit, goVersion := "(devel)", "unknown", runtime.Version()
	dirty := ""
	if info != nil {
		goVersion = info.GoVersion
		if info.Main.Version != "" {
			version = info.Main.Version
		}
		if release != "" {
			version = release
		}
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = " (with changes)"
			}
		}
	}
	return fmt.Sprintf("tributary %s\ncommit %s%s\n%s %s/%s\n", version, commit, dirty, goVersion, runtime.GOOS, runtime.GOARCH)
}
