// Vet is go vet of packages and their tests, on the system that GOOS of the environment
// names, with types read from source. The go command would first compile and vet all that
// they import, for each system again, which takes CI longer than the tests of this one.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/analysis/checker"
	"golang.org/x/tools/go/analysis/suite/vet"
	"golang.org/x/tools/go/packages"
)

func main() {
	loaded, err := packages.Load(&packages.Config{
		// NeedDeps makes it read what is imported as source.
		Mode:  packages.LoadAllSyntax | packages.NeedModule,
		Tests: true,
	}, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(loaded) == 0 || packages.PrintErrors(loaded) > 0 {
		os.Exit(1)
	}
	graph, err := checker.Analyze(vet.Suite, loaded, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := graph.PrintText(os.Stderr, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	failed := false
	for _, a := range graph.Roots {
		failed = failed || a.Err != nil || len(a.Diagnostics) > 0
	}
	if failed {
		os.Exit(1)
	}
	fmt.Println(len(loaded), "packages, tests included")
}
