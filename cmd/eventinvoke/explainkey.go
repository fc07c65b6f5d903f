package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
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
		keys, err = liveKeys(ctx, doc, typed, query, o)
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
	return verdictError(explainVerdict(keys))
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

// liveKeys tells what the files say and what AWS holds. It opens only the target
// that was named, where one was; and it reads the key's function there, beside
// tags where a rule asks for them. All functions are listed only to say which
// keys are near one that nobody declares.
func liveKeys(ctx context.Context, doc *desired.Document, typed string, query desired.KeyQuery, o *explainOptions) ([]explained, error) {
	options := &readOptions{simulate: o.simulate, world: o.world}
	if where := query.Where(); where != "" && doc.DeclaresTargets() {
		options.targets = []string{where}
	}
	site, err := openSite(ctx, doc, options, newRunID(time.Now()), readersOnly)
	if err != nil {
		return nil, err
	}
	defer site.close()
	needs := site.needs(doc)
	tagged := slices.Clone(needs)
	for i := range tagged {
		tagged[i].ListFunctions = false
	}
	tags, failed := reconcile.Discover(ctx, tagged, site.findLanes())
	site.closeLanes(failed)
	for target, lane := range site.lanes {
		if _, looked := tags[target]; !looked && lane.Err == nil {
			tags[target] = desired.TargetInventory{} // no rule there asks for tags
		}
	}
	keys, err := declared(doc, site.ambient, tags, typed, query)
	readLive(ctx, site, keys)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause
	}
	keys = slices.DeleteFunc(keys, func(e explained) bool {
		// Rules choose among what exists: of nothing there is no key.
		return e.Live.State == stateFunctionMissing && e.Entry.Origins.Entry.Layer() == desired.LayerRule
	})
	if err == nil && len(keys) == 0 {
		err = &desired.NotDeclaredError{Typed: typed, Hint: "AWS has no such function for a rule to choose"}
	}
	var unknown *desired.NotDeclaredError
	if errors.As(err, &unknown) {
		err = nearer(ctx, doc, site, needs, typed, err)
	}
	return keys, err
}

// nearer says again that a key is not declared, with the keys that rules choose
// among those it may have meant.
func nearer(ctx context.Context, doc *desired.Document, site *site, needs []desired.Discovery, typed string, wrong error) error {
	inventory, _ := reconcile.Discover(ctx, needs, site.findLanes())
	fleet, err := doc.Resolve(site.ambient, inventory, desired.Selection{})
	if err != nil {
		return wrong
	}
	if _, err = fleet.Find(typed); err != nil {
		return err
	}
	return wrong
}

// differs reports whether AWS holds something else than the files say of a field.
func (e *explained) differs(h desired.SettingHistory) bool {
	won := h.Applied()
	return e.Live != nil && e.Live.known() && won != nil && won.Value != e.Live.Settings.Effect(h.Setting)
}

// explainVerdict is the exit code: what could not be read is never a success.
func explainVerdict(keys []explained) exitCode {
	unread := 0
	for _, k := range keys {
		if k.Live != nil && k.Live.State == stateUnreadable {
			unread++
		}
	}
	switch unread {
	case 0:
		return exitOK
	case len(keys):
		return exitError
	}
	return exitPartial
}
