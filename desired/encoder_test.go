package desired

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// Encode writes a fleet as one fleet file. Loaded and resolved again it gives
// the same targets, entries, guard and policies. Where an entry came from, that
// a rule chose it (Optional) and what was ignored are not kept: the file states
// every key outright. An entry that is the same in all targets is written once.
func (f Fleet) Encode(w io.Writer) error {
	out := bufio.NewWriter(w)
	e := encoder{out: out, fleet: f}
	e.linef("version: 1")
	e.targets()
	if err := e.functions(); err != nil {
		return err
	}
	e.linef("guard:")
	e.linef("  max_changes: %s", f.Limits.MaxChanges)
	e.linef("  max_deletes: %s", f.Limits.MaxDeletes)
	e.linef("  max_errors: %s", f.Limits.MaxErrors)
	e.linef("undeclared: %s", []string{"report", "delete"}[f.Undeclared])
	e.linef("missing_functions: %s", []string{"error", "warn"}[f.MissingFunctions])
	e.linef("missing_qualifiers: %s", []string{"error", "warn"}[f.MissingQualifiers])
	return out.Flush()
}

// encoder writes lines; bufio keeps the first error for the flush.
type encoder struct {
	out   *bufio.Writer
	fleet Fleet
}

func (e encoder) linef(format string, args ...any) { fmt.Fprintf(e.out, format+"\n", args...) }

// labelled reports whether the targets were declared.
func (e encoder) labelled() bool { return len(e.fleet.Targets) > 0 && e.fleet.Targets[0].Label != "" }

func (e encoder) targets() {
	if !e.labelled() {
		return
	}
	e.linef("targets:")
	var written []string
	for _, t := range e.fleet.Targets {
		if slices.Contains(written, t.Label) {
			continue
		}
		written = append(written, t.Label)
		e.linef("  - name: %q", t.Label)
		e.linef("    account: %q", t.Account)
		if t.RoleARN != "" {
			e.linef("    role_arn: %q", t.RoleARN)
		}
		if t.ExternalID != "" {
			e.linef("    external_id: %q", t.ExternalID)
		}
		if t.Quota > 0 {
			e.linef("    quota: %s", strconv.FormatFloat(t.Quota, 'g', -1, 64))
		}
		if t.RateShare > 0 {
			e.linef("    rate_share: %s", strconv.FormatFloat(t.RateShare, 'g', -1, 64))
		}
		e.linef("    regions:")
		for _, same := range e.fleet.Targets {
			if same.Label == t.Label {
				e.linef("      - %q", same.Region)
			}
		}
	}
}

func (e encoder) functions() error {
	if e.fleet.Configs() == 0 {
		return nil
	}
	e.linef("functions:")
	for i, t := range e.fleet.Targets {
		for _, entry := range t.Entries {
			everywhere := e.labelled() && e.everywhere(entry)
			if everywhere && i > 0 {
				continue
			}
			if err := e.entry(t.Target, entry, everywhere); err != nil {
				return err
			}
		}
	}
	return nil
}

// everywhere reports whether every target has the entry alike.
func (e encoder) everywhere(entry Entry) bool {
	for _, t := range e.fleet.Targets {
		i, found := slices.BinarySearchFunc(t.Entries, entry.Name, func(e Entry, n Name) int { return e.Name.Compare(n) })
		if !found || *t.Entries[i].Want != *entry.Want || t.Entries[i].Remove != entry.Remove {
			return false
		}
	}
	return true
}

func (e encoder) entry(t Target, entry Entry, everywhere bool) error {
	name := entry.Function
	switch {
	case everywhere:
	case t.Account != "" && t.Region != "":
		name = fmt.Sprintf("arn:%s:lambda:%s:%s:function:%s", t.Partition(), t.Region, t.Account, name)
	case t.Account != "":
		name = fmt.Sprintf("%s:function:%s", t.Account, name)
	}
	e.linef("  - name: %q", name)
	if entry.Qualifier != Latest {
		e.linef("    qualifier: %q", entry.Qualifier)
	}
	if entry.Remove {
		e.linef("    remove: true")
		return nil
	}
	if entry.Want.IsZero() {
		return fmt.Errorf("encode %s: it has no settings until its tags are known; resolve with an inventory", Key{t, entry.Name})
	}
	for setting, v := range entry.Want {
		switch {
		case !v.IsSet():
		case v.Text() != "":
			e.linef("    %s: %q", Setting(setting), v)
		default:
			e.linef("    %s: %s", Setting(setting), v)
		}
	}
	return nil
}
