package export

import (
	"errors"
	"fmt"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/fleetfile"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// file is the text being written.
type file struct{ fleetfile.Writer }

func (f file) header(o Options) {
	for _, line := range o.Header {
		f.Comment("", line)
	}
	f.Linef("version: 1")
}

// unread names what is not in the file because it was not read, and counts it.
func (f file) unread(targets []Target) int {
	n := 0
	say := func(what string, why error) {
		if n == 0 {
			f.Linef("")
			f.Comment("", "NOT IN THIS FILE, because it could not be read:")
		}
		n++
		f.Linef("#   %s", fleetfile.OneLine(fmt.Sprintf("%s: %v", what, why)))
	}
	for i := range targets {
		if targets[i].Err != nil {
			say("all of "+targets[i].Target.String(), targets[i].Err)
			continue
		}
		for j := range targets[i].Functions {
			switch g := &targets[i].Functions[j]; g.State {
			case reconcile.Unreadable:
				say(targets[i].Target.String()+"/"+g.Function, g.Err)
			case reconcile.NotExamined:
				say(targets[i].Target.String()+"/"+g.Function, errNotExamined)
			}
		}
	}
	return n
}

// specs are the targets as the targets section has them.
func specs(targets []Target) []desired.TargetSpec {
	all := make([]desired.TargetSpec, len(targets))
	for i := range targets {
		all[i] = targets[i].TargetSpec
	}
	return all
}

func (f file) defaults(common [desired.NumSettings]cell) {
	begun := false
	for i, field := range desired.Settings() {
		if common[i].value == "" {
			continue
		}
		if !begun {
			f.Linef("\ndefaults:")
			begun = true
		}
		for _, remark := range common[i].remarks {
			f.Comment("  ", remark)
		}
		f.Linef("  %s: %s", field, fleetfile.Style{}.Value(field, common[i].value))
	}
}

func (f file) functions(bunches []bunch) {
	if len(bunches) == 0 {
		return
	}
	f.Linef("\nfunctions:")
	for i := range bunches {
		b := &bunches[i]
		switch {
		case len(b.entries) > 1:
			if i > 0 {
				f.Linef("")
			}
			f.Comment("  ", fmt.Sprintf("%d entries: %s", len(b.entries), b.describe()))
		case i > 0 && len(bunches[i-1].entries) > 1:
			f.Linef("")
			f.Comment("  ", "Settings of their own")
		}
		for _, note := range b.notes {
			f.Comment("  ", note)
		}
		for j := range b.entries {
			f.entry(&b.entries[j], b.lines)
		}
	}
}

func (f file) entry(e *entry, lines [desired.NumSettings]string) {
	f.Entry(&fleetfile.Entry{Name: e.Name, ARN: e.arn, Targets: e.targets, Settings: lines})
}

var errNotExamined = errors.New("the run ended before its turn")
