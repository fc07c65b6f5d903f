package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// explainedText writes keys for people. The winner of a field is marked:
//
//	orders:live in prod (111111111111/eu-west-1)
//	  declared at fleet.yaml:12 functions[0]
//
//	  maximum_retry_attempts: 0, but AWS holds 1
//	    > 0  fleet.yaml:13 functions[0]
//	      2  fleet.yaml:9 rules[0] "payments never retry"
func explainedText(out io.Writer, keys []explained) {
	for i := range keys {
		if i > 0 {
			fmt.Fprintln(out)
		}
		keys[i].text(out)
	}
}

func (e *explained) text(out io.Writer) {
	line := func(indent int, format string, args ...any) {
		fmt.Fprintln(out, strings.Repeat(" ", indent)+sanitize(fmt.Sprintf(format, args...)))
	}
	line(0, "%s in %s", e.Key.Name, e.place())
	line(2, "%s", e.declaration())
	if e.Live != nil {
		line(2, "%s", e.Live)
	}
	if e.TagsUnknown {
		line(2, "rules that choose by tags are left out: tags are not known here")
	}
	fmt.Fprintln(out)
	for _, h := range e.Fields {
		line(2, "%s: %s", h.Setting, e.verdict(h))
		width := 0
		for _, s := range h.Sources {
			width = max(width, len(s.Value.String()))
		}
		for _, s := range slices.Backward(h.Sources) {
			mark := " "
			if s.Applied {
				mark = ">"
			}
			line(4, "%s %-*s  %s", mark, width, s.Value, named(s.Origin))
		}
	}
}

// named is an origin with the rule's name behind it.
func named(o desired.Origin) string {
	if o.Rule() == "" {
		return o.String()
	}
	return fmt.Sprintf("%s %q", o, o.Rule())
}

// place is where the key lives, as far as that is known without asking.
func (e *explained) place() string {
	switch {
	case e.Key.Target == desired.Target{}:
		return "the current credentials' account and region"
	case e.Label == "":
		return e.Key.Target.String()
	}
	return fmt.Sprintf("%s (%s)", e.Label, e.Key.Target)
}

func (e *explained) declaration() string {
	origin := e.Entry.Origins.Entry
	switch {
	case e.Entry.Remove:
		return fmt.Sprintf("%s says remove: there must be no record", origin)
	case origin.Layer() == desired.LayerRule:
		return fmt.Sprintf("chosen by %s", named(origin))
	}
	return fmt.Sprintf("declared at %s", origin)
}

// verdict is what becomes of a field.
func (e *explained) verdict(h desired.SettingHistory) string {
	text := "left as it is"
	if e.Entry.Remove {
		text = "goes with the record"
	} else if won := h.Applied(); won != nil {
		text = won.Value.String()
	}
	if e.Live == nil || !e.Live.known() {
		return text
	}
	now := h.Setting.Format(e.Live.Settings[h.Setting])
	if !e.differs(h) {
		return fmt.Sprintf("%s; AWS holds %s", text, now)
	}
	return fmt.Sprintf("%s, but AWS holds %s", text, now)
}
