package report

import (
	"slices"
)

// notes writes what there is room for, and counts the rest.
func (p *printer) notes(all []note, room *int) {
	if len(all) > *room {
		all = slices.Clone(all)
		slices.SortStableFunc(all, byTone)
	}
	shown := all[:min(len(all), *room)]
	*room -= len(shown)
	for i := range shown {
		p.gap()
		p.note(0, &shown[i])
	}
	p.hidden += len(all) - len(shown)
}

func (p *printer) note(indent int, n *note) {
	lead, tone := "! ", n.tone
	if n.title != "" {
		lead, tone = n.title+": ", plain
	}
	switch {
	case len(n.rows) == 1 && indent > 0: // one config of a cause
		one := []span{colored(n.tone, lead), colored(bold, n.rows[0].name)}
		if beside := p.beside(n.rows[0], 0); beside == "" {
			p.flow(indent, indent+2, append(one, colored(tone, ": "+n.text))...)
		} else {
			p.flow(indent, indent+2, append(one, colored(dim, beside))...)
			p.wrapped(indent+2, span{}, tone, n.text)
		}
		p.hint(indent+2, n.hint)
		return
	case n.text == "":
		p.line(indent, colored(n.tone, n.title+":"))
	default:
		p.wrapped(indent, colored(n.tone, lead), tone, n.text)
	}
	indent += 2
	switch {
	case n.about != "":
		p.declared(indent, indent, n.at, text(n.about))
	case n.at.at != "":
		p.declared(indent, indent, n.at)
	}
	p.hint(indent, n.hint)
	if n.each != "" && !p.stable {
		p.line(indent, colored(dim, "each: "+n.each))
	}
	for i, part := range n.parts {
		if !p.full && i == p.detail.causes {
			rest := 0
			for _, part := range n.parts[i:] {
				rest += part.n
			}
			p.more(indent, len(n.parts)-i, " causes, on "+count(rest, "config"))
			break
		}
		p.note(indent, &part)
	}
	mark := span{}
	if n.title != "" && n.tone != plain {
		mark = colored(n.tone, "! ")
	}
	p.rows(indent, mark, n)
}

// rows lists the configs of a note with what is said beside each in a column. Of which nothing
// is said stand side by side, as many as a line has room for, or one a line where the
// reader wants all.
func (p *printer) rows(indent int, mark span, n *note) {
	if len(n.rows) == 0 {
		return
	}
	if !n.lines && !slices.ContainsFunc(n.rows, func(r row) bool { return p.beside(r, 0) != "" }) {
		p.names(indent, mark, len(n.rows), func(i int) string { return n.rows[i].name })
		return
	}
	shown := n.rows
	if !p.full && len(shown) > p.detail.rows {
		shown = shown[:p.detail.rows]
	}
	shown = slices.Clone(shown)
	hang := indent + p.width(mark.text)
	column := 0
	for i, r := range shown {
		if r.names != nil {
			shown[i].name = p.few(len(r.names), func(j int) string { return r.names[j] }, max(20, p.columns-p.width(p.beside(r, 0))-hang))
		}
		if p.beside(r, 0) != "" {
			column = max(column, p.width(shown[i].name)+2)
		}
	}
	for _, r := range shown {
		says := p.beside(r, p.columns-hang-column)
		if says != "" {
			r.name = p.pad(r.name, column-2)
		}
		p.flow(indent, hang+column, mark, text(r.name), colored(dim, says))
	}
	p.more(hang, len(n.rows)-len(shown), "")
}

// beside is where a row was declared, or what a call took, which is another time every time.
func (p *printer) beside(r row, room int) string {
	switch {
	case r.at != "":
		return "  " + p.within(r.origin, room)
	case p.stable || r.aside == "":
		return ""
	}
	return "  " + r.aside
}
