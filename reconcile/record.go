package reconcile

import (
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Settings are the four settings of one record as AWS holds them, in canonical
// form: absent, null, {} and "" destinations are all "".
//
// Settings is comparable, and it is a different type from desired.Config so
// that want and have cannot be swapped.
type Settings struct {
	MaximumRetryAttempts     desired.Opt[int] `json:"maximum_retry_attempts"`       // unset: Lambda acts as with 2
	MaximumEventAgeInSeconds desired.Opt[int] `json:"maximum_event_age_in_seconds"` // unset: Lambda acts as with 21600
	OnSuccess                string           `json:"on_success"`                   // an ARN; "" is none
	OnFailure                string           `json:"on_failure"`                   // an ARN; "" is none
}

// Record is one event invoke config as AWS holds it.
type Record struct {
	Qualifier string
	Settings
	LastModified time.Time // millisecond precision; zero when the answer had none
}

// Matches reports whether every managed field of want has the same effect in
// have. Equal in effect needs no write: a write that changes nothing still
// spends quota and moves LastModified.
func Matches(want desired.Config, have Settings) bool {
	return Differing(want, have).IsZero()
}

// Differing is want reduced to the fields whose effect differs from have: the
// body of the Update that closes the difference. Absent retries count as 2 and
// an absent age as 21600, which is what Lambda makes of them.
func Differing(want desired.Config, have Settings) desired.Config {
	var d desired.Config
	if v, ok := want.MaximumRetryAttempts.Get(); ok && v != have.MaximumRetryAttempts.Or(desired.DefaultRetryAttempts) {
		d.MaximumRetryAttempts = want.MaximumRetryAttempts
	}
	if v, ok := want.MaximumEventAgeInSeconds.Get(); ok && v != have.MaximumEventAgeInSeconds.Or(desired.DefaultEventAgeInSeconds) {
		d.MaximumEventAgeInSeconds = want.MaximumEventAgeInSeconds
	}
	if v, ok := want.OnSuccess.Get(); ok && v != have.OnSuccess {
		d.OnSuccess = want.OnSuccess
	}
	if v, ok := want.OnFailure.Get(); ok && v != have.OnFailure {
		d.OnFailure = want.OnFailure
	}
	return d
}
