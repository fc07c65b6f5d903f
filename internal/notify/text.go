package notify

import (
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
			lines = append(lines, fmt.Sprintf("… and %d more targets", len(d.Targets)-i))
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
	lines = append(lines, "Run "+d.Run)
	d.Text = escapeMarkup.Replace(strings.Join(lines, "\n"))
}

// phrases are the parts of a line.
type phrases []string

func (p *phrases) count(n int, what string) {
	if n > 0 {
		*p = append(*p, fmt.Sprintf("%d %s", n, what))
	}
}

// headline is the one line that fits the subject of a mail.
func (d *Digest) headline() string {
	var differ, corrected, failed, unreadable, breaches int
	unknown := false
	for _, t := range d.Targets {
		differ += t.Differ - t.Corrected - t.Failed
		corrected += t.Corrected
		failed += t.Failed
		breaches += t.Breaches
		if t.Unreadable == nil {
			unknown = true
		} else {
			unreadable += *t.Unreadable
		}
	}
	var said phrases
	for _, kind := range d.Kinds {
		switch kind {
		case FleetFiles:
			said = append(said, "the fleet file does not load")
		case Guard:
			said = append(said, "the guard stopped the run")
		case Fight:
			said = append(said, "somebody else changes configs back")
		case Lost:
			said = append(said, "events are lost")
		case Recovered:
			said = append(said, "all as declared again")
		}
	}
	said.count(failed, "failed")
	said.count(unreadable, "unreadable")
	if unknown {
		said = append(said, "some targets could not be read at all")
	}
	said.count(differ, "differ")
	said.count(breaches, "break a requirement")
	said.count(corrected, "corrected")
	if len(said) == 0 {
		said = append(said, "the run failed")
	}
	return "eventinvoke " + d.Verb + ": " + strings.Join(said, ", ")
}

// line is one target in the text.
func (t *TargetNews) line() string {
	where := t.Target
	if t.Label != "" {
		where = t.Label + " (" + t.Target + ")"
	}
	var said phrases
	said.count(t.Failed, "failed")
	if t.Unreadable == nil {
		said = append(said, "could not be read")
	} else {
		said.count(*t.Unreadable, "unreadable")
	}
	said.count(t.Differ-t.Corrected-t.Failed, "differ")
	said.count(t.Breaches, "break a requirement")
	said.count(t.Corrected, "corrected")
	total := t.Differ + t.Breaches
	if t.Unreadable != nil {
		total += *t.Unreadable
	}
	if len(t.Configs) > 0 {
		names := strings.Join(t.Configs, ", ")
		if more := total - len(t.Configs); more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		return where + ": " + strings.Join(said, ", ") + ": " + names
	}
	return where + ": " + strings.Join(said, ", ")
}

// escapeMarkup takes their meaning from the three characters that mean something to
// Slack: what AWS or a file says must not call a channel together.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var escapeMarkup = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
