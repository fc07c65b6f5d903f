package awssim

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"
)

// readConfig takes a request about one record through the checks that come
// before the function is looked for; body is of Put and Update, nil for others.
func (q *request) readConfig(body *change) (ref, *apiError) {
	var c constraints
	c.configName(q)
	if body != nil {
		body.check(&c)
	}
	n, apiErr := c.resolve(q)
	n.qualifier = cmp.Or(n.qualifier, latest)
	if apiErr == nil && body != nil && body.empty {
		apiErr = invalidParameter("You must specify at least one of error handling or destination setting.")
	}
	return n, apiErr
}

func (q *request) noConfig(n ref) *apiError {
	return notFound("The function " + q.arn(n.name) + ":" + n.qualifier + " doesn't have an EventInvokeConfig")
}

// putConfig replaces the whole record: what the body leaves out becomes unset.
func (w *World) putConfig(q *request) (any, *apiError) { return w.writeConfig(q, false) }

// updateConfig changes what the body names, each destination side on its own. It
// never creates a record.
func (w *World) updateConfig(q *request) (any, *apiError) { return w.writeConfig(q, true) }

func (w *World) writeConfig(q *request, update bool) (any, *apiError) {
	body, err := readChange(q.body)
	if err != nil {
		return nil, unparsable(err)
	}
	n, apiErr := q.readConfig(body)
	if apiErr != nil {
		return nil, apiErr
	}
	f, i := q.state.findRecord(n)
	base := Record{}
	switch {
	case f == nil || !update && !f.hasQualifier(n.qualifier):
		return nil, noFunction
	case update && i < 0:
		return nil, q.noConfig(n)
	case update:
		base = f.records[i].Record
	}
	apiErr = w.checkDestinations(q, n, f, body)
	if apiErr == nil && f.refuse != "" {
		apiErr = invalidParameter(f.refuse)
	}
	if apiErr == nil {
		apiErr = w.lockForWrite(q, f, n)
	}
	if apiErr != nil {
		return nil, apiErr
	}
	r := body.over(base, update && w.now().faults.Merge == "replace")
	r.LastModified = time.Time{}
	q.applied = true
	return wireRecord(q.arn(f.name)+":"+n.qualifier, q.state.storeRecord(f, n.qualifier, r, q.now)), nil
}

// lockForWrite takes the function for one write, or answers 409: an update of the
// function is in progress, or another write to one of its records is.
func (w *World) lockForWrite(q *request, f *function, n ref) *apiError {
	inProgress := "The operation cannot be performed at this time. An update is in progress for resource: " + q.arn(f.name)
	concurrent := "The EventInvokeConfig for function " + q.arn(f.name) + ":" + n.qualifier + " could not be updated due to a concurrent update operation."
	switch {
	case q.now.Before(f.busy):
		return conflict(inProgress)
	case f.writing:
		return conflict(concurrent)
	case q.rng.hits("conflict", w.now().faults.Conflict):
		if q.rng.hits("concurrent", 0.5) {
			return conflict(concurrent)
		}
		return conflict(inProgress)
	}
	if w.latency > 0 {
		f.writing = true
		q.release = func() {
			q.state.mu.Lock()
			defer q.state.mu.Unlock()
			f.writing = false
		}
	}
	return nil
}

// getConfig answers the same to a missing function, qualifier and record.
func (w *World) getConfig(q *request) (any, *apiError) {
	n, f, i, apiErr := q.existingConfig()
	if apiErr != nil {
		return nil, apiErr
	}
	return wireRecord(q.arn(f.name)+":"+n.qualifier, f.records[i].Record), nil
}

func (w *World) deleteConfig(q *request) (any, *apiError) {
	n, f, i, apiErr := q.existingConfig()
	if apiErr == nil {
		apiErr = w.lockForWrite(q, f, n)
	}
	if apiErr != nil {
		return nil, apiErr
	}
	f.records = slices.Delete(f.records, i, i+1)
	q.applied = true
	return nil, nil
}

func (q *request) existingConfig() (ref, *function, int, *apiError) {
	n, apiErr := q.readConfig(nil)
	if apiErr != nil {
		return n, nil, -1, apiErr
	}
	f, i := q.state.findRecord(n)
	if i < 0 {
		return n, nil, -1, q.noConfig(n)
	}
	return n, f, i, nil
}

// findRecord finds a function and its record; the index is -1 when there is none.
func (s *regionState) findRecord(n ref) (*function, int) {
	f := s.functions[n.name]
	if f == nil {
		return nil, -1
	}
	return f, f.recordIndex(n.qualifier)
}

// listConfigs is the only read that tells a missing function from a missing record.
func (w *World) listConfigs(q *request) (any, *apiError) {
	var c constraints
	c.configName(q)
	size := c.items(q, maxConfigItems)
	n, apiErr := c.resolve(q)
	if apiErr != nil {
		return nil, apiErr
	}
	if n.qualifier != "" {
		return nil, invalidParameter("The function name must not include a version number or alias.")
	}
	f := q.state.functions[n.name]
	if f == nil {
		return nil, noFunction
	}
	shown, next, apiErr := listPage(w, q, f.records, size,
		func(r stored) string { return q.state.rank(f.name, r.qualifier) },
		func(r stored) json.RawMessage { return wireRecord(q.arn(f.name)+":"+r.qualifier, r.Record) })
	return struct {
		FunctionEventInvokeConfigs []json.RawMessage
		NextMarker                 *string
	}{shown, next}, apiErr
}
