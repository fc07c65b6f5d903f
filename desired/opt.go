package desired

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Opt is a value that may be unset. Zero retries is a real setting, so the zero
// value of T cannot stand for "leave this alone". Unlike a pointer, an Opt is
// comparable with ==.
type Opt[T comparable] struct {
	value T
	set   bool
}

// Some is an Opt that holds v.
func Some[T comparable](v T) Opt[T] { return Opt[T]{value: v, set: true} }

// Get returns the value and whether there is one.
func (o Opt[T]) Get() (T, bool) { return o.value, o.set }

// IsSet reports whether there is a value.
func (o Opt[T]) IsSet() bool { return o.set }

// Or returns the value, or fallback when unset.
func (o Opt[T]) Or(fallback T) T {
	if o.set {
		return o.value
	}
	return fallback
}

// String prints the value, or "unset".
func (o Opt[T]) String() string {
	if !o.set {
		return "unset"
	}
	return fmt.Sprint(o.value)
}

// MarshalJSON is the value, or null when unset.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.set {
		return []byte("null"), nil
	}
	return json.Marshal(o.value)
}

// UnmarshalJSON takes null for unset.
func (o *Opt[T]) UnmarshalJSON(data []byte) error {
	if bytes.Equal(data, []byte("null")) {
		*o = Opt[T]{}
		return nil
	}
	o.set = true
	return json.Unmarshal(data, &o.value)
}
