package awssim

import "slices"

// getConfig answers the same to a missing function, qualifier and record.
func (w *World) getConfig(q *request) (any, *refusal) {
	n, no := q.oneConfig()
	if no != nil {
		return nil, no
	}
	s := w.shelf(q.place())
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.lookup(n)
	if i < 0 {
		return nil, q.noConfig(n)
	}
	return wireRecord(q.arn(f.name)+":"+n.qualifier, f.records[i].Record), nil
}

func (w *World) deleteConfig(q *request) (any, *refusal) {
	n, no := q.oneConfig()
	if no != nil {
		return nil, no
	}
	s := w.shelf(q.place())
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.lookup(n)
	if i < 0 {
		return nil, q.noConfig(n)
	}
	if no := w.occupy(q, s, f, n); no != nil {
		return nil, no
	}
	f.records = slices.Delete(f.records, i, i+1)
	q.applied = true
	return nil, nil
}

func (q *request) oneConfig() (ref, *refusal) {
	var c constraints
	c.configName(q)
	if no := c.refusal(); no != nil {
		return ref{}, no
	}
	return q.resolveConfig()
}

// lookup finds a record; the index is -1 when there is none.
func (s *shelf) lookup(n ref) (*function, int) {
	f := s.functions[n.name]
	if f == nil {
		return nil, -1
	}
	return f, f.find(n.qualifier)
}

// listConfigs is the only read that tells a missing function from a missing record.
func (w *World) listConfigs(q *request) (any, *refusal) {
	var c constraints
	c.configName(q)
	size := c.items(q, maxConfigItems, maxConfigItems)
	if no := c.refusal(); no != nil {
		return nil, no
	}
	n, no := q.resolve()
	if no != nil {
		return nil, no
	}
	if n.qualifier != "" {
		return nil, invalidParameter("The function name must not include a version number or alias.")
	}
	s := w.shelf(q.place())
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[n.name]
	if f == nil {
		return nil, noFunction()
	}
	p, no := w.page(q, len(f.records), size, func(i int) string { return s.rank(f.name, f.records[i].qualifier) })
	if no != nil {
		return nil, no
	}
	arn := q.arn(f.name) + ":"
	list := make([]configRecord, 0, p.end-p.start)
	for _, r := range f.records[p.start:p.end] {
		list = append(list, wireRecord(arn+r.qualifier, r.Record))
	}
	return struct {
		FunctionEventInvokeConfigs []configRecord
		NextMarker                 *string
	}{list, p.next}, nil
}
