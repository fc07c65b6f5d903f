package main

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A hint for a flag that a verb lacks is about flags that are there: followed, it is not refused.
func TestHintsCanBeFollowed(t *testing.T) {
	root := newRoot(&app{})
	var verbs []string
	names := map[string]bool{"f": true, "file": true, "v": true, "version": true, "dry": true, "dryrun": true, "nonsense": true}
	for name := range foreignFlags {
		names[name] = true
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		verbs = append(verbs, strings.TrimPrefix(cmd.CommandPath(), "eventinvoke"))
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			names[f.Name], names[f.Shorthand] = true, true
			if len(f.Name) > 3 {
				names[f.Name[1:]], names[f.Name[:len(f.Name)-1]] = true, true // mistyped
			}
		})
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(root)
	delete(names, "")
	find := func(verb string) *cobra.Command {
		cmd, _, err := root.Find(strings.Fields(verb))
		if err != nil {
			t.Fatalf("%q: %v", verb, err)
		}
		return cmd
	}
	token := regexp.MustCompile(`\B--?[a-z][a-z-]*( (json|off)\b)?`)
	hints := 0
	for _, verb := range verbs {
		for _, name := range slices.Sorted(maps.Keys(names)) {
			dashed := "--" + name
			if len(name) == 1 {
				dashed = "-" + name
			}
			cmd := find(verb)
			err := cmd.ParseFlags([]string{dashed})
			if err == nil || !strings.HasPrefix(err.Error(), "unknown ") {
				continue // it has that flag
			}
			typed := "eventinvoke" + verb + " " + dashed
			_, hint, _ := strings.Cut(flagError(cmd, err).Error(), "; ")
			if hint != "" {
				hints++
			}
			if _, line, is := strings.Cut(strings.TrimSuffix(hint, "`"), "as in: `eventinvoke"); is {
				cmd, rest, err := root.Find(strings.Fields(line))
				if err == nil {
					err = cmd.ValidateArgs(rest)
				}
				if err != nil || " "+strings.Join(rest, " ") != strings.TrimPrefix(line, verb) {
					t.Errorf("%s: %s: %v", typed, hint, err)
				}
				continue
			}
			those := []string{verb}
			if who, _, takes := strings.Cut(strings.ReplaceAll(hint, " takes ", " take "), " take "); takes {
				those = strings.Split(strings.ReplaceAll(who, " and ", ", "), ", ")
			}
			for _, flag := range token.FindAllString(hint, -1) {
				for _, verb := range those {
					if verb == "others" {
						continue
					}
					cmd := find(verb)
					err := cmd.ParseFlags(strings.Fields(flag))
					if err != nil && strings.HasPrefix(err.Error(), "flag needs an argument") {
						err = nil
					}
					if err != nil {
						t.Errorf("%s: %s: %s: %v", typed, hint, verb, err)
					}
				}
			}
		}
	}
	if hints < 500 {
		t.Errorf("%d hints are too few to tell anything", hints)
	}
}
