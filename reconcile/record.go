package reconcile

import (
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
)

// Settings are the settings of one record as AWS holds them, in canonical form:
// a destination that is absent, null, {} or "" is unset, like a number that is
// absent. What is unset acts as Setting.Default says.
//
// Settings is comparable, and it is a different type from desired.Config so
// that want and have cannot be swapped.
type Settings [desired.NumSettings]desired.Value

// NewSettings is the canonical form of what AWS said.
func NewSettings(values [desired.NumSettings]desired.Value) Settings {
	for s, v := range values {
		if v == desired.NoDestination {
			values[s] = desired.Value{}
		}
	}
	return values
}

// Effect is what Lambda does about a setting: its value, or the default.
func (s Settings) Effect(of desired.Setting) desired.Value { return s[of].Or(of.Default()) }

// With is what an Update with the settings that c has makes of s.
func (s Settings) With(c desired.Config) Settings {
	for i, v := range c {
		s[i] = v.Or(s[i])
	}
	return NewSettings(s)
}

// MarshalJSON is an object of the settings that are set, in output order.
func (s Settings) MarshalJSON() ([]byte, error) { return desired.Config(s).MarshalJSON() }

// UnmarshalJSON takes what MarshalJSON gives, and refuses what desired.Config
// refuses.
func (s *Settings) UnmarshalJSON(data []byte) error {
	var c desired.Config
	err := c.UnmarshalJSON(data)
	*s = NewSettings(c)
	return err
}

// Record is one event invoke config as AWS holds it.
type Record struct {
	Qualifier string
	Settings
	LastModified time.Time // millisecond precision; zero when the answer had none
}

// modified is LastModified as surveys, plans and results keep it: in Unix milliseconds, and 0
// where it is not known.
func (r *Record) modified() int64 {
	if r.LastModified.IsZero() {
		return 0
	}
	return r.LastModified.UnixMilli()
}

// Matches reports whether every managed setting of want has the same effect in
// have. Equal in effect needs no write: a write that changes nothing still
// spends quota and moves LastModified.
func Matches(want desired.Config, have Settings) bool {
	return differing(want, have).IsZero()
}

// differing is want reduced to the settings whose effect differs from have: the
// body of the Update that closes the difference.
func differing(want desired.Config, have Settings) (d desired.Config) {
	for _, s := range desired.Settings() {
		if want[s].IsSet() && want[s] != have.Effect(s) {
			d[s] = want[s]
		}
	}
	return d
}
