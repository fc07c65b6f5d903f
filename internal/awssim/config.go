package awssim

import (
	"encoding/json"
	"slices"
	"time"
)

// settings is the body of Put and Update.
type settings struct {
	MaximumRetryAttempts     *int
	MaximumEventAgeInSeconds *int
	DestinationConfig        *destinations
}

type destinations struct{ OnSuccess, OnFailure *destination }

type destination struct{ Destination *string }

// configRecord is a record on the wire: every key is there, null when not set.
type configRecord struct {
	LastModified             epoch
	FunctionArn              string
	MaximumRetryAttempts     *int
	MaximumEventAgeInSeconds *int
	DestinationConfig        struct{ OnSuccess, OnFailure destination }
}

func wireRecord(arn string, r Record) configRecord {
	c := configRecord{
		LastModified: epoch(r.LastModified), FunctionArn: arn,
		MaximumRetryAttempts: r.MaximumRetryAttempts, MaximumEventAgeInSeconds: r.MaximumEventAgeInSeconds,
	}
	if r.OnSuccess != "" {
		c.DestinationConfig.OnSuccess.Destination = &r.OnSuccess
	}
	if r.OnFailure != "" {
		c.DestinationConfig.OnFailure.Destination = &r.OnFailure
	}
	return c
}

// success and failure are the destinations as sent: nil when left out.
func (s *settings) success() *string {
	if s.DestinationConfig == nil || s.DestinationConfig.OnSuccess == nil {
		return nil
	}
	return s.DestinationConfig.OnSuccess.Destination
}

func (s *settings) failure() *string {
	if s.DestinationConfig == nil || s.DestinationConfig.OnFailure == nil {
		return nil
	}
	return s.DestinationConfig.OnFailure.Destination
}

// empty says whether nothing at all was sent. A side with nothing in it counts as
// something: a Put of it makes an empty record.
func (s *settings) empty() bool {
	d := s.DestinationConfig
	return s.MaximumRetryAttempts == nil && s.MaximumEventAgeInSeconds == nil &&
		(d == nil || d.OnSuccess == nil && d.OnFailure == nil)
}

// readSettings takes the body of Put and Update through all checks that come
// before the function is looked for.
func (q *request) readSettings() (*settings, ref, *apiError) {
	s := &settings{}
	if len(q.body) > 0 {
		if err := json.Unmarshal(q.body, s); err != nil {
			return nil, ref{}, unparsable("The request body is not what this operation takes: " + err.Error())
		}
	}
	var c constraints
	c.configName(q)
	c.number(s.MaximumRetryAttempts, "maximumRetryAttempts", minRetries, maxRetries)
	c.number(s.MaximumEventAgeInSeconds, "maximumEventAgeInSeconds", minAge, maxAge)
	c.destination(s.success(), "destinationConfig.onSuccess.destination")
	c.destination(s.failure(), "destinationConfig.onFailure.destination")
	if apiErr := c.apiError(); apiErr != nil {
		return nil, ref{}, apiErr
	}
	n, apiErr := q.resolveConfig()
	if apiErr != nil {
		return nil, n, apiErr
	}
	if s.empty() {
		return nil, n, invalidParameter("You must specify at least one of error handling or destination setting.")
	}
	return s, n, nil
}

// resolveConfig is resolve for records, of which every one has a qualifier.
func (q *request) resolveConfig() (ref, *apiError) {
	n, apiErr := q.resolve()
	if n.qualifier == "" {
		n.qualifier = latest
	}
	return n, apiErr
}

func noFunction() *apiError { return notFound("The function doesn't exist.") }

func (q *request) noConfig(n ref) *apiError {
	return notFound("The function " + q.arn(n.name) + ":" + n.qualifier + " doesn't have an EventInvokeConfig")
}

// putConfig replaces the whole record: what the body leaves out becomes unset.
func (w *World) putConfig(q *request) (any, *apiError) {
	set, n, apiErr := q.readSettings()
	if apiErr != nil {
		return nil, apiErr
	}
	s := w.state(q.target())
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[n.name]
	if f == nil || !f.hasQualifier(n.qualifier) {
		return nil, noFunction()
	}
	return w.write(q, s, f, n, set, Record{})
}

// updateConfig changes what the body names, each destination side on its own. It
// never creates a record.
func (w *World) updateConfig(q *request) (any, *apiError) {
	set, n, apiErr := q.readSettings()
	if apiErr != nil {
		return nil, apiErr
	}
	s := w.state(q.target())
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[n.name]
	if f == nil {
		return nil, noFunction()
	}
	i := f.recordIndex(n.qualifier)
	if i < 0 {
		return nil, q.noConfig(n)
	}
	base := f.records[i].Record
	if set.DestinationConfig != nil && w.currentFaults().Merge == "replace" {
		base.OnSuccess, base.OnFailure = "", ""
	}
	return w.write(q, s, f, n, set, base)
}

// write lays the settings over the base record and stores it, if nothing stands
// against it. The region is locked.
func (w *World) write(q *request, s *regionState, f *function, n ref, set *settings, base Record) (any, *apiError) {
	if apiErr := w.checkDestinations(q, s, n, set); apiErr != nil {
		return nil, apiErr
	}
	if f.refuse != "" {
		return nil, invalidParameter(f.refuse)
	}
	if apiErr := w.lockForWrite(q, s, f, n); apiErr != nil {
		return nil, apiErr
	}
	r := base
	r.LastModified = time.Time{}
	if set.MaximumRetryAttempts != nil {
		r.MaximumRetryAttempts = set.MaximumRetryAttempts
	}
	if set.MaximumEventAgeInSeconds != nil {
		r.MaximumEventAgeInSeconds = set.MaximumEventAgeInSeconds
	}
	if d := set.success(); d != nil {
		r.OnSuccess = *d
	}
	if d := set.failure(); d != nil {
		r.OnFailure = *d
	}
	q.applied = true
	return wireRecord(q.arn(f.name)+":"+n.qualifier, s.storeRecord(f, n.qualifier, r, q.now)), nil
}

// lockForWrite takes the function for one write, or answers 409: an update of the
// function is in progress, or another write to one of its records is.
func (w *World) lockForWrite(q *request, s *regionState, f *function, n ref) *apiError {
	inProgress := "The operation cannot be performed at this time. An update is in progress for resource: " + q.arn(f.name)
	concurrent := "The EventInvokeConfig for function " + q.arn(f.name) + ":" + n.qualifier + " could not be updated due to a concurrent update operation."
	switch {
	case q.now.Before(f.busy):
		return conflict(inProgress)
	case f.writing:
		return conflict(concurrent)
	case q.rng.hits("conflict", w.currentFaults().Conflict):
		if q.rng.hits("concurrent", 0.5) {
			return conflict(concurrent)
		}
		return conflict(inProgress)
	}
	if w.latency > 0 {
		f.writing = true
		q.release = func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			f.writing = false
		}
	}
	return nil
}

// getConfig answers the same to a missing function, qualifier and record.
func (w *World) getConfig(q *request) (any, *apiError) {
	n, apiErr := q.oneConfig()
	if apiErr != nil {
		return nil, apiErr
	}
	s := w.state(q.target())
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.findRecord(n)
	if i < 0 {
		return nil, q.noConfig(n)
	}
	return wireRecord(q.arn(f.name)+":"+n.qualifier, f.records[i].Record), nil
}

func (w *World) deleteConfig(q *request) (any, *apiError) {
	n, apiErr := q.oneConfig()
	if apiErr != nil {
		return nil, apiErr
	}
	s := w.state(q.target())
	s.mu.Lock()
	defer s.mu.Unlock()
	f, i := s.findRecord(n)
	if i < 0 {
		return nil, q.noConfig(n)
	}
	if apiErr := w.lockForWrite(q, s, f, n); apiErr != nil {
		return nil, apiErr
	}
	f.records = slices.Delete(f.records, i, i+1)
	q.applied = true
	return nil, nil
}

func (q *request) oneConfig() (ref, *apiError) {
	var c constraints
	c.configName(q)
	if apiErr := c.apiError(); apiErr != nil {
		return ref{}, apiErr
	}
	return q.resolveConfig()
}

// findRecord finds a record; the index is -1 when there is none.
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
	size := c.items(q, maxConfigItems, maxConfigItems)
	if apiErr := c.apiError(); apiErr != nil {
		return nil, apiErr
	}
	n, apiErr := q.resolve()
	if apiErr != nil {
		return nil, apiErr
	}
	if n.qualifier != "" {
		return nil, invalidParameter("The function name must not include a version number or alias.")
	}
	s := w.state(q.target())
	s.mu.Lock()
	defer s.mu.Unlock()
	f := s.functions[n.name]
	if f == nil {
		return nil, noFunction()
	}
	p, apiErr := w.page(q, len(f.records), size, func(i int) string { return s.rank(f.name, f.records[i].qualifier) })
	if apiErr != nil {
		return nil, apiErr
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
