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

// Field names one managed setting, in the order in which output lists them.
type Field uint8

// The four fields.
const (
	FieldRetryAttempts Field = iota
	FieldEventAge
	FieldOnSuccess
	FieldOnFailure
	numFields
)

// Fields lists every field in output order.
func Fields() [numFields]Field {
	return [numFields]Field{FieldRetryAttempts, FieldEventAge, FieldOnSuccess, FieldOnFailure}
}

// String is the key of the field in the fleet file and in JSON output.
func (f Field) String() string {
	switch f {
	case FieldRetryAttempts:
		return "maximum_retry_attempts"
	case FieldEventAge:
		return "maximum_event_age_in_seconds"
	case FieldOnSuccess:
		return "on_success"
	case FieldOnFailure:
		return "on_failure"
	}
	return "unknown"
}
