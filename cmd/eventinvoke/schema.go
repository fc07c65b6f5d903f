package main

import (
	"github.com/spf13/cobra"

	"github.com/eventinvoke/eventinvoke/desired"
)

func newSchema(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the fleet file, for editors",
		Long: `Print the JSON Schema (2020-12) of the fleet file: editors complete and check
keys by it.`,
		Example: `  eventinvoke schema > eventinvoke.schema.json
  eventinvoke schema | jq '.properties | keys'`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(desired.Schema())
			return err
		},
	}
}
