package desired

// Limits and defaults of the three settings, from the Lambda API reference of
// PutFunctionEventInvokeConfig and the developer guide. The defaults are what
// Lambda does when a record, or a field of it, is absent.
const (
	MinRetryAttempts     = 0
	MaxRetryAttempts     = 2
	DefaultRetryAttempts = 2

	MinEventAgeInSeconds     = 60
	MaxEventAgeInSeconds     = 21600
	DefaultEventAgeInSeconds = 21600
)

// NoDestination is the value of a destination that must be empty. The fleet
// file spells it "none".
const NoDestination = ""

// Config is what one event invoke config should say. An unset field is left as
// AWS holds it. Config is comparable, so equal configs can be shared.
type Config struct {
	MaximumRetryAttempts     Opt[int]    `json:"maximum_retry_attempts"`
	MaximumEventAgeInSeconds Opt[int]    `json:"maximum_event_age_in_seconds"`
	OnSuccess                Opt[string] `json:"on_success"` // an ARN, or NoDestination
	OnFailure                Opt[string] `json:"on_failure"` // an ARN, or NoDestination
}

// IsZero reports whether no field is managed.
func (c Config) IsZero() bool { return c == Config{} }

// Setting names one managed setting, in the order in which output lists them.
type Setting uint8

// The four fields.
const (
	MaximumRetryAttempts Setting = iota
	MaximumEventAgeInSeconds
	OnSuccess
	OnFailure
	NumSettings
)

// Settings lists every field in output order.
func Settings() [NumSettings]Setting {
	return [NumSettings]Setting{MaximumRetryAttempts, MaximumEventAgeInSeconds, OnSuccess, OnFailure}
}

// String is the key of the field in the fleet file and in JSON output.
func (f Setting) String() string {
	switch f {
	case MaximumRetryAttempts:
		return "maximum_retry_attempts"
	case MaximumEventAgeInSeconds:
		return "maximum_event_age_in_seconds"
	case OnSuccess:
		return "on_success"
	case OnFailure:
		return "on_failure"
	}
	return "unknown"
}
