package history

import (
	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// keyJSON is a key as files spell it.
type keyJSON struct {
	Account   string `json:"account"`
	Region    string `json:"region"`
	Function  string `json:"function"`
	Qualifier string `json:"qualifier"`
}

func newKey(k desired.Key) keyJSON {
	return keyJSON{Account: k.Account, Region: k.Region, Function: k.Function, Qualifier: k.Qualifier}
}

func (k keyJSON) key() desired.Key {
	return desired.Key{
		Target: desired.Target{Account: k.Account, Region: k.Region},
		Name:   desired.Name{Function: k.Function, Qualifier: k.Qualifier},
	}
}

// fieldsJSON is a record, or a request, as files spell it. A field that is not
// there is unset, which is something else than 2 or 21600 spelt out. In a
// request "" clears a destination; a record has no field for an empty one.
type fieldsJSON struct {
	MaximumRetryAttempts     *int    `json:"maximum_retry_attempts,omitempty"`
	MaximumEventAgeInSeconds *int    `json:"maximum_event_age_in_seconds,omitempty"`
	OnSuccess                *string `json:"on_success,omitempty"`
	OnFailure                *string `json:"on_failure,omitempty"`
}

// newImage is a record, or nil for no record.
func newImage(s *reconcile.Settings) *fieldsJSON {
	if s == nil {
		return nil
	}
	f := &fieldsJSON{
		MaximumRetryAttempts:     pointer(s.MaximumRetryAttempts),
		MaximumEventAgeInSeconds: pointer(s.MaximumEventAgeInSeconds),
	}
	if s.OnSuccess != "" {
		f.OnSuccess = &s.OnSuccess
	}
	if s.OnFailure != "" {
		f.OnFailure = &s.OnFailure
	}
	return f
}

func (f *fieldsJSON) settings() *reconcile.Settings {
	if f == nil {
		return nil
	}
	return &reconcile.Settings{
		MaximumRetryAttempts:     option(f.MaximumRetryAttempts),
		MaximumEventAgeInSeconds: option(f.MaximumEventAgeInSeconds),
		OnSuccess:                option(f.OnSuccess).Or(""),
		OnFailure:                option(f.OnFailure).Or(""),
	}
}

func newRequest(c desired.Config) *fieldsJSON {
	return &fieldsJSON{
		MaximumRetryAttempts:     pointer(c.MaximumRetryAttempts),
		MaximumEventAgeInSeconds: pointer(c.MaximumEventAgeInSeconds),
		OnSuccess:                pointer(c.OnSuccess),
		OnFailure:                pointer(c.OnFailure),
	}
}

func (f *fieldsJSON) config() desired.Config {
	if f == nil {
		return desired.Config{}
	}
	return desired.Config{
		MaximumRetryAttempts:     option(f.MaximumRetryAttempts),
		MaximumEventAgeInSeconds: option(f.MaximumEventAgeInSeconds),
		OnSuccess:                option(f.OnSuccess),
		OnFailure:                option(f.OnFailure),
	}
}

func pointer[T comparable](o desired.Opt[T]) *T {
	if v, ok := o.Get(); ok {
		return &v
	}
	return nil
}

func option[T comparable](p *T) desired.Opt[T] {
	if p == nil {
		return desired.Opt[T]{}
	}
	return desired.Some(*p)
}
