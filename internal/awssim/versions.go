package awssim

import (
	"slices"
	"strings"
)

// defaultListItems is the page of ListAliases when MaxItems is not given. AWS does
// not document it.
const defaultListItems = 50

type aliasConfig struct{ AliasArn, Name, FunctionVersion, Description, RevisionId string }

func (w *World) listAliases(q *request) (any, *refusal) {
	var c constraints
	c.listName(q)
	size := c.items(q, maxListItems, defaultListItems)
	s, f, unlock, no := w.listed(q, c)
	if no != nil {
		return nil, no
	}
	defer unlock()
	list := slices.Clone(f.aliases)
	if v := q.query.Get("FunctionVersion"); v != "" {
		list = slices.DeleteFunc(list, func(a alias) bool { return a.version != v })
	}
	rank := func(a alias) string { return s.rank(f.name, "alias", a.name) }
	slices.SortFunc(list, func(a, b alias) int { return strings.Compare(rank(a), rank(b)) })
	p, no := w.page(q, len(list), size, func(i int) string { return rank(list[i]) })
	if no != nil {
		return nil, no
	}
	shown := make([]aliasConfig, 0, p.end-p.start)
	for _, a := range list[p.start:p.end] {
		shown = append(shown, aliasConfig{q.arn(f.name) + ":" + a.name, a.name, a.version, "", f.revision("alias " + a.name)})
	}
	return struct {
		Aliases    []aliasConfig
		NextMarker *string
	}{shown, p.next}, nil
}

func (w *World) listVersions(q *request) (any, *refusal) {
	var c constraints
	c.listName(q)
	size := min(maxFunctionsPage, c.items(q, maxListItems, maxFunctionsPage))
	_, f, unlock, no := w.listed(q, c)
	if no != nil {
		return nil, no
	}
	defer unlock()
	list := f.everyVersion()
	p, no := w.page(q, len(list), size, func(i int) string { return versionRank(list[i]) })
	if no != nil {
		return nil, no
	}
	shown := make([]functionConfig, 0, p.end-p.start)
	for _, v := range list[p.start:p.end] {
		shown = append(shown, w.config(q, f, v, q.arn(f.name)+":"+v))
	}
	return struct {
		Versions   []functionConfig
		NextMarker *string
	}{shown, p.next}, nil
}

// listed finds the function whose parts are to be listed. Without a refusal the
// shelf is locked until unlock.
func (w *World) listed(q *request, c constraints) (*shelf, *function, func(), *refusal) {
	if no := c.refusal(); no != nil {
		return nil, nil, nil, no
	}
	n, no := q.resolve()
	if no != nil {
		return nil, nil, nil, no
	}
	s := w.shelf(q.place())
	s.mu.Lock()
	f, no := q.named(s, ref{name: n.name})
	if no != nil {
		s.mu.Unlock()
		return nil, nil, nil, no
	}
	return s, f, s.mu.Unlock, nil
}
