package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

// version and commit are set by the linker in released builds.
var (
	version = "devel"
	commit  = ""
)

func newVersion(a *app) *cobra.Command {
	var modules bool
	var format resultFormat
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Example: `  eventinvoke version
  eventinvoke version --modules`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if err := format.check(); err != nil {
				return err
			}
			if format == "json" {
				return writeJSON(a.out, map[string]string{"version": version, "commit": buildCommit(), "go": runtime.Version(), "platform": platform()})
			}
			line := "eventinvoke " + version
			if c := buildCommit(); c != "" {
				line += " (" + c + ")"
			}
			fmt.Fprintf(a.out, "%s, %s, %s\n", line, runtime.Version(), platform())
			if modules {
				printModules(a)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&modules, "modules", false, "also list the modules that this binary was built with")
	format.bind(cmd)
	return cmd
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// buildCommit is the linker's commit, or the one that the go command recorded.
func buildCommit() string {
	if commit != "" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return ""
}

func printModules(a *app) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	width := 0
	for _, m := range info.Deps {
		width = max(width, len(m.Path))
	}
	for _, m := range info.Deps {
		fmt.Fprintf(a.out, "  %s%s  %s\n", m.Path, strings.Repeat(" ", width-len(m.Path)), m.Version)
	}
}
