package notify

import (
	"cmp"
	"fmt"
	"strings"
)

// shorten bounds an error that may repeat what AWS or a file said.
func shorten(s string) string {
	s, _, more := strings.Cut(strings.TrimSpace(s), "\n")
	if len(s) > maxError {
		s, more = strings.ToValidUTF8(s[:maxError], ""), true
	}
	if more {
		s += " …"
	}
	return s
}

func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// finish writes the text, and cuts what would make the digest too long.
func (d *Digest) finish() {
	lines := []string{d.headline()}
	for _, e := range d.Errors {
		lines = append(lines, "• "+e)
	}
	for i, t := range d.Targets {
		if i == maxConfigs {
			targets := "targets"
			if len(d.Targets)-i == 1 {
				targets = "target"
			}
			lines = append(lines, fmt.Sprintf("… and %d more %s", len(d.Targets)-i, targets))
			break
		}
		lines = append(lines, "• "+t.line())
		for _, e := range t.Errors {
			lines = append(lines, "    "+e)
		}
	}
	if len(d.Targets) > maxTargets {
		d.Targets = d.Targets[:maxTargets]
	}
	lines = append(lines, "Run "+d.RunID)
	d.Text = escapeMarkup.Replace(strings.Join(lines, "\n"))
}

// headline is the one line that fits the subject of a mail.
func (d *Digest) headline() string {
	sum := TargetNews{Unreadable: new(int)}
	unknown := ""
	for _, t := range d.Targets {
		sum.Differ += t.Differ
		sum.Corrected += t.Corrected
		sum.Failed += t.Failed
		sum.Breaches += t.Breaches
		if t.Unreadable == nil {
			unknown = "some targets could not be read at all"
		} else {
			*sum.Unreadable += *t.Unreadable
		}
	}
	var phrases []string
	for _, kind := range d.Kinds {
		if text := kindTexts[kind]; text != "" {
			phrases = append(phrases, text)
		}
	}
	phrases = append(phrases, sum.phrases(unknown)...)
	return "eventinvoke " + d.Verb + ": " + cmp.Or(strings.Join(phrases, ", "), "the run failed")
}

// kindTexts are those of kinds that are about no one config.
var kindTexts = map[Kind]string{
	FleetFiles: "the fleet file does not load", Guard: "the guard stopped the run", Fight: "somebody else changes configs back",
	Lost: "events are lost", Recovered: "all as declared again",
}

// phrases are the numbers that are not 0, in words; unknown is said of what nobody could count.
func (t *TargetNews) phrases(unknown string) (all []string) {
	count := func(n int, one, many string) {
		switch {
		case n == 1:
			all = append(all, "1 "+one)
		case n > 1:
			all = append(all, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(t.Failed, "failed", "failed")
	if t.Unreadable != nil {
		count(*t.Unreadable, "unreadable", "unreadable")
	}
	if unknown != "" {
		all = append(all, unknown)
	}
	count(t.Differ-t.Corrected-t.Failed, "differs", "differ")
	count(t.Breaches, "breaks a requirement", "break a requirement")
	count(t.Corrected, "corrected", "corrected")
	return all
}

// line is one target in the text.
func (t *TargetNews) line() string {
	where, unknown, total := t.Target, "could not be read", t.Differ+t.Breaches
	if t.Label != "" {
		where = t.Label + " (" + t.Target + ")"
	}
	if t.Unreadable != nil {
		unknown, total = "", total+*t.Unreadable
	}
	line := where + ": " + strings.Join(t.phrases(unknown), ", ")
	if len(t.Configs) > 0 {
		line += ": " + strings.Join(t.Configs, ", ")
		if more := total - len(t.Configs); more > 0 {
			line += fmt.Sprintf(" and %d more", more)
		}
	}
	return line
}

// escapeMarkup takes their meaning from the three characters that mean something to
// Slack: what AWS or a file says must not call a channel together.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var escapeMarkup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
