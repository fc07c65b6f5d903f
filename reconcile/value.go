package reconcile

import (
	"strconv"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Value is one field of a record: a number, an ARN, or absent. Fallback is what
// Lambda does when it is absent.
type Value struct {
	Text     string // "0", "arn:aws:sqs:…"; "" when absent
	Number   bool   // Text is an integer
	Fallback string // "2", "21600", or "" for a destination
}

// Absent reports whether AWS holds nothing for the field.
func (v Value) Absent() bool { return v.Text == "" }

// String is the value as a person reads it. An absent number shows what Lambda
// makes of it, since that is what the function has been doing.
func (v Value) String() string {
	switch {
	case !v.Absent():
		return v.Text
	case v.Fallback != "":
		return "(unset, so " + v.Fallback + ")"
	}
	return "(unset)"
}

func number(o desired.Opt[int], fallback int) Value {
	v := Value{Number: true, Fallback: strconv.Itoa(fallback)}
	if n, ok := o.Get(); ok {
		v.Text = strconv.Itoa(n)
	}
	return v
}

// Value is one field as a person reads it.
func (s Settings) Value(f desired.Setting) Value {
	switch f {
	case desired.MaximumRetryAttempts:
		return number(s.MaximumRetryAttempts, desired.DefaultRetryAttempts)
	case desired.MaximumEventAgeInSeconds:
		return number(s.MaximumEventAgeInSeconds, desired.DefaultEventAgeInSeconds)
	case desired.OnSuccess:
		return Value{Text: s.OnSuccess}
	default:
		return Value{Text: s.OnFailure}
	}
}

// with is s after an Update with the fields that c sets.
func (s Settings) with(c desired.Config) Settings {
	if c.MaximumRetryAttempts.IsSet() {
		s.MaximumRetryAttempts = c.MaximumRetryAttempts
	}
	if c.MaximumEventAgeInSeconds.IsSet() {
		s.MaximumEventAgeInSeconds = c.MaximumEventAgeInSeconds
	}
	s.OnSuccess = c.OnSuccess.Or(s.OnSuccess)
	s.OnFailure = c.OnFailure.Or(s.OnFailure)
	return s
}

// asConfig has every field set that the record holds.
func (s Settings) asConfig() desired.Config {
	c := desired.Config{MaximumRetryAttempts: s.MaximumRetryAttempts, MaximumEventAgeInSeconds: s.MaximumEventAgeInSeconds}
	if s.OnSuccess != "" {
		c.OnSuccess = desired.Some(s.OnSuccess)
	}
	if s.OnFailure != "" {
		c.OnFailure = desired.Some(s.OnFailure)
	}
	return c
}

func isSet(c desired.Config, f desired.Setting) bool {
	switch f {
	case desired.MaximumRetryAttempts:
		return c.MaximumRetryAttempts.IsSet()
	case desired.MaximumEventAgeInSeconds:
		return c.MaximumEventAgeInSeconds.IsSet()
	case desired.OnSuccess:
		return c.OnSuccess.IsSet()
	default:
		return c.OnFailure.IsSet()
	}
}
