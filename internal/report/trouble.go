package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/eventinvoke/eventinvoke/reconcile"
)

const (
	// someRows is how many keys of a list are shown unless the reader asks for all.
	someRows = 5
	// maxTroubles is the same for causes.
	maxTroubles = 20
)

// row is one key with an error: a change that failed, or a key that was not read.
type row struct {
	name   name
	cause  *reconcile.CallError
	result *reconcile.Result // nil where nothing was tried
}

func newRow(n name, err error, result *reconcile.Result) row {
	r := row{name: n, cause: reconcile.ErrorOf(err), result: result}
	if r.cause == nil {
		r.cause = &reconcile.CallError{}
	}
	return r
}

// facts are what AWS support asks for, and what explains a slow run.
func (r row) facts() string {
	var parts []string
	if r.result != nil && r.result.Stats.Attempts > 0 {
		parts = append(parts, count(r.result.Stats.Attempts, "attempt"))
		if w := r.result.Stats.Waited; w >= time.Second {
			parts = append(parts, "waited "+lasting(w))
		}
	}
	if r.cause.RequestID != "" {
		parts = append(parts, "request "+r.cause.RequestID)
	}
	return listed(parts...)
}

// trouble is the rows that one cause explains.
type trouble struct {
	cause *reconcile.CallError // speaks for all rows
	rows  []row
}

// causes puts together the rows whose errors have one cause: what differs is the
// name of the function and the request id. What concerns most keys comes first.
func causes(rows []row) []trouble {
	type key struct{ op, cause string }
	groups := gather(rows,
		func(r row) key { return key{r.cause.Op, r.cause.Cause()} },
		func(_ key, rows []row) trouble {
			shown := *rows[0].cause
			if !alike(rows, func(r row) string { return r.cause.Message }) {
				shown.Message = generalise(shown.Message, rows[0].name.Function)
			}
			if !alike(rows, func(r row) string { return r.cause.Hint }) {
				shown.Hint = generalise(shown.Hint, rows[0].name.Function)
			}
			return trouble{cause: &shown, rows: rows}
		})
	slices.SortStableFunc(groups, func(a, b trouble) int { return cmp.Compare(len(b.rows), len(a.rows)) })
	return groups
}

// troubles writes rows with errors, cause by cause.
func (p *page) troubles(rows []row) {
	all := causes(rows)
	shown := all
	if !p.full && len(all) > maxTroubles {
		shown = all[:maxTroubles]
	}
	for _, t := range shown {
		p.trouble(t)
	}
	keys := 0
	for _, t := range all[len(shown):] {
		keys += len(t.rows)
	}
	p.more(2, len(all)-len(shown), " causes, on "+count(keys, "config"))
}

// trouble writes one cause, what to do about it, and the keys that met it.
func (p *page) trouble(t trouble) {
	what := t.cause.Reason()
	if t.cause.Op != "" {
		what = t.cause.Op + ": " + what
	}
	first := t.rows[0]
	if len(t.rows) == 1 {
		p.line(2, in(red, "! "), in(bold, first.name.String()), in(dim, aside(first.facts())))
		p.wrapped(4, span{}, red, what)
		p.hint(4, t.cause.Hint)
		return
	}
	p.wrapped(2, in(red, "! "), red, count(len(t.rows), "config")+": "+what)
	p.hint(4, t.cause.Hint)
	if alike(t.rows, row.facts) {
		if facts := first.facts(); facts != "" {
			p.line(4, in(dim, "each: "+facts))
		}
		p.names(4, namesOf(t.rows, func(r row) name { return r.name }))
		return
	}
	shown := t.rows
	if !p.full && len(shown) > someRows {
		shown = shown[:someRows]
	}
	column := 0
	for _, r := range shown {
		column = max(column, width(r.name.String()))
	}
	for _, r := range shown {
		p.line(4, say(pad(r.name.String(), column)), in(dim, aside(r.facts())))
	}
	p.more(4, len(t.rows)-len(shown), "")
}

func aside(facts string) string {
	if facts == "" {
		return ""
	}
	return "  " + facts
}
