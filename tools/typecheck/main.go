// Typecheck type-checks packages and their tests as GOOS of the environment
// would, from source. To vet them for another system the go command would first
// compile all that they import, the standard library included, which takes CI
// longer than all tests of this system.
package main

import (
	"fmt"
	"os"

	"golang.org/x/tools/go/packages"
)

func main() {
	loaded, err := packages.Load(&packages.Config{
		// NeedDeps makes it read what is imported as source.
		Mode:  packages.NeedName | packages.NeedImports | packages.NeedDeps | packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo,
		Tests: true,
	}, os.Args[1:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if len(loaded) == 0 || packages.PrintErrors(loaded) > 0 {
		os.Exit(1)
	}
	fmt.Println(len(loaded), "packages, tests included")
}
