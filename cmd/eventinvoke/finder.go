package main

import (
	"context"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

// finder discovers one target: function names from Lambda, tags from the
// tagging API.
type finder struct {
	*awslambda.Reader
	tagger *awslambda.Tagger
}

// Tagged implements reconcile.Finder.
func (f finder) Tagged(ctx context.Context, tags []desired.Tag) (map[string]map[string]string, error) {
	with := map[string][]string{}
	for _, t := range tags {
		with[t.Key] = nil
		if t.Value != desired.AnyValue {
			with[t.Key] = []string{t.Value}
		}
	}
	return f.tagger.Functions(ctx, with)
}
