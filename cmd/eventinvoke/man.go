//go:build man

package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// A release is made with this verb, which writes a manual page for every verb. It
// hides behind a tag, so that what renders the pages is in no binary.
func init() {
	verbs = append(verbs, func(*app) *cobra.Command {
		var date string
		cmd := &cobra.Command{
			Use:    "man FOLDER",
			Hidden: true,
			Args:   cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				day, err := time.Parse(time.DateOnly, date)
				if err != nil {
					return err
				}
				if err := os.MkdirAll(args[0], 0o755); err != nil {
					return err
				}
				root := cmd.Root()
				root.DisableAutoGenTag = true // for all below it too
				return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Date: &day, Source: "eventinvoke " + version, Manual: "eventinvoke"}, args[0])
			},
		}
		cmd.Flags().StringVar(&date, "date", "", "`DAY` of the release, as 2026-11-25")
		return cmd
	})
}
