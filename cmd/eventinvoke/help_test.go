package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/spf13/cobra"
)

// breakable reports whether a row has a place at which it can go on below: a space outside the
// backticks of a command.
func breakable(row string) bool {
	return strings.Contains(strings.TrimSpace(inBackticks.ReplaceAllString(row, "")), " ")
}

var inBackticks = regexp.MustCompile("`[^`]*`")

// copied are the commands of a help that somebody may copy, each as it stands there, with the line
// ends that a backslash continues: examples, usages, those in backticks, those further in by a tab.
func copied(help string) (commands []string) {
	for _, block := range regexp.MustCompile(`(?m)^(?:Examples|Usage):\n((?: .*\n)+)`).FindAllStringSubmatch(help, -1) {
		commands = append(commands, regexp.MustCompile(`(?m)^(?:.*\\\n)*.*\n`).FindAllString(block[1], -1)...)
	}
	commands = append(commands, regexp.MustCompile("`eventinvoke [^`]*`").FindAllString(help, -1)...)
	return append(commands, regexp.MustCompile(`(?m)^\t.*\n`).FindAllString(help, -1)...)
}

// A command that is copied from a help of any width is the one that was written, and no row of a
// help is wider than its reader's terminal unless it is a command, or ends in a blank.
func TestHelpKeepsCommands(t *testing.T) {
	seen := 0
	help := func(cmd *cobra.Command, width string) string {
		t.Setenv("COLUMNS", width)
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		code, out, errs := eventinvoke(t.Context(), args...)
		if code != exitOK || errs != "" {
			t.Fatalf("%q ends with %d: %s", args, code, errs)
		}
		return out
	}
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		commands := copied(help(cmd, ""))
		if written := strings.Count(cmd.Example, "eventinvoke "); len(commands) <= written {
			t.Errorf("%s: %d examples and a usage are the commands %q", cmd.CommandPath(), written, commands)
		}
		for width, columns := range map[string]int{"60": 60, "80": 80, "200": 80} {
			got := help(cmd, width)
			for _, command := range commands {
				seen++
				if !strings.Contains("\n"+got, command) || strings.Contains(command, "`") && strings.Contains(command, "\n") {
					t.Errorf("%s at %s columns: the command %q is not whole in\n%s", cmd.CommandPath(), width, command, got)
				}
			}
			rest := got
			for _, command := range commands {
				if !strings.Contains(command, "`") {
					rest = strings.ReplaceAll(rest, command, "")
				}
			}
			for row := range strings.Lines(rest) {
				if row = strings.TrimSuffix(row, "\n"); runewidth.StringWidth(row) > columns && breakable(row) {
					t.Errorf("%s at %s columns: %q", cmd.CommandPath(), width, row)
				}
			}
			if blank := regexp.MustCompile(`(?m)^.*[ \t]$`).FindString(got); blank != "" {
				t.Errorf("%s at %s columns: a row ends in a blank: %q", cmd.CommandPath(), width, blank)
			}
		}
		for _, below := range cmd.Commands() {
			check(below)
		}
	}
	root := newRoot(&app{})
	root.InitDefaultCompletionCmd()
	check(root)
	if seen < 200 {
		t.Errorf("the helps have %d commands: are they no longer found?", seen)
	}
}
