package main

import (
	"context"
	"slices"

	"github.com/eventinvoke/eventinvoke/desired"
)

// explained is one key with its whole story.
type explained struct {
	Key         desired.Key
	Label       string
	Entry       desired.Entry
	Fields      []desired.SettingHistory // Said weakest first
	Live        *liveValue               // nil when AWS was not asked
	TagsUnknown bool                     // rules that choose by tags were left out
}

func (a *app) explainKey(ctx context.Context, typed string, paths []string, o *explainOptions) error {
	query, err := desired.ParseKey(typed)
	if err != nil {
		return err
	}
	doc, err := a.loadFor(paths, o.simulate)
	if err != nil {
		return err
	}
	var keys []explained
	if o.live {
		keys, err = a.liveKeys(ctx, doc, typed, query, o)
	} else {
		keys, err = declared(doc, query.Target(), nil, typed, query)
	}
	if err != nil {
		return err
	}
	if o.format == "json" {
		err = writeJSON(a.out, explainedJSON(keys))
	} else {
		explainedText(a.out, keys)
	}
	if err != nil {
		return err
	}
	return explainVerdict(keys)
}

// declared tells what the files say about a key, given the tags that are known.
func declared(doc *desired.Document, ambient desired.Target, tags desired.Inventory, typed string, query desired.KeyQuery) ([]explained, error) {
	fleet, supposed, err := doc.ResolveFor(ambient, tags, query)
	if err != nil {
		return nil, err
	}
	found, err := fleet.Find(typed)
	if err != nil {
		return nil, err
	}
	untagged := map[desired.Target]bool{}
	for _, need := range doc.Discoveries(ambient) {
		_, known := tags[need.Target]
		untagged[need.Target] = !known && len(need.Tags) > 0
	}
	var all []explained
	for _, key := range found {
		target := fleet.Targets[slices.IndexFunc(fleet.Targets, func(t desired.TargetSpec) bool { return t.Target == key.Target })]
		entry := target.Entries[slices.IndexFunc(target.Entries, func(e desired.Entry) bool { return e.Name == key.Name })]
		histories, err := doc.Explain(ambient, supposed, key)
		if err != nil {
			return nil, err
		}
		all = append(all, explained{Key: key, Label: target.Label, Entry: entry, Fields: histories, TagsUnknown: untagged[key.Target]})
	}
	return all, nil
}

// differs reports whether AWS holds something else than the files say of a field.
func (e *explained) differs(h desired.SettingHistory) bool {
	won := h.Applied()
	return e.Live != nil && e.Live.known() && won != nil && won.Value != e.Live.Settings.Effect(h.Setting)
}

// explainVerdict is the exit code: what could not be read is never a success.
func explainVerdict(keys []explained) error {
	unread := 0
	for _, k := range keys {
		if k.Live != nil && k.Live.State == stateUnreadable {
			unread++
		}
	}
	switch unread {
	case 0:
		return nil
	case len(keys):
		return exitCode(exitError)
	}
	return exitCode(exitPartial)
}
