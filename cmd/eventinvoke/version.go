package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/internal/report"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

// The linker sets these in released builds. In any other build the go command
// has recorded what it knew: see identify.
var linkedVersion, linkedCommit string

// version and commit are what this binary calls itself everywhere: in version,
// in records of runs, in metrics and to AWS.
var version, commit = identify(linkedVersion, linkedCommit, debug.ReadBuildInfo)

func newVersion(a *app) *cobra.Command {
	var modules bool
	var format string
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this binary",
		Example: `  eventinvoke version
  eventinvoke version --modules`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if format == "json" {
				return report.WriteJSON(a.out, map[string]string{"version": version, "commit": commit, "go": runtime.Version(), "platform": platform()})
			}
			a.printVersion()
			if modules {
				printModules(a)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&modules, "modules", false, "also list the modules that this binary was built with")
	bindFormat(cmd, &format)
	return cmd
}

// printVersion is also what --version prints.
func (a *app) printVersion() {
	line := "eventinvoke " + version
	if commit != "" {
		line += " (" + commit + ")"
	}
	say(a.out, "%s, %s, %s", line, runtime.Version(), platform())
}

func platform() string { return runtime.GOOS + "/" + runtime.GOARCH }

// identify prefers what the linker was told. `go install …@v1.2.3` records the
// version of the module, a build in a clone its commit and a version made from
// it; only a build without either, such as a test, is "devel".
func identify(version, commit string, read func() (*debug.BuildInfo, bool)) (string, string) {
	info, ok := read()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if v := info.Main.Version; version == "" && v != "(devel)" {
		version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && commit == "" {
			commit = s.Value[:min(12, len(s.Value))]
		}
	}
	return cmp.Or(version, "devel"), commit
}

func printModules(a *app) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return
	}
	rows := slice.Map(info.Deps, func(m *debug.Module) []string { return []string{m.Path, m.Version} })
	_ = report.Table(a.out, 2, rows, lineOptions(a.out)) // as any error of the output, it is kept there
}
