package awslambda

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// toRecord converts one record, and checks that it is one of this function in
// this target.
func toRecord(t desired.Target, function string, w *wireRecord) (reconcile.Record, error) {
	if w == nil {
		return reconcile.Record{}, errors.New("a record is null")
	}
	if w.FunctionArn == nil {
		return reconcile.Record{}, errors.New("a record has no FunctionArn")
	}
	qualifier, err := qualifierIn(t, function, *w.FunctionArn)
	if err != nil {
		return reconcile.Record{}, err
	}
	r := reconcile.Record{Qualifier: qualifier}
	var values [desired.NumSettings]desired.Value
	if values[desired.MaximumRetryAttempts], err = integer("MaximumRetryAttempts", w.MaximumRetryAttempts, desired.MaximumRetryAttempts); err != nil {
		return reconcile.Record{}, err
	}
	if values[desired.MaximumEventAgeInSeconds], err = integer("MaximumEventAgeInSeconds", w.MaximumEventAgeInSeconds, desired.MaximumEventAgeInSeconds); err != nil {
		return reconcile.Record{}, err
	}
	if d := w.DestinationConfig; d != nil {
		values[desired.OnSuccess], values[desired.OnFailure] = d.OnSuccess.value(), d.OnFailure.value()
	}
	r.Settings = reconcile.NewSettings(values)
	r.LastModified, err = instant(w.LastModified)
	return r, err
}

func (d *wireDestination) value() desired.Value {
	if d == nil || d.Destination == nil {
		return desired.Value{}
	}
	return desired.Text(*d.Destination)
}

func integer(field string, v *float64, s desired.Setting) (desired.Value, error) {
	if v == nil {
		return desired.Value{}, nil
	}
	if low, high := s.Bounds(); *v != math.Trunc(*v) || *v < float64(low) || *v > float64(high) {
		return desired.Value{}, fmt.Errorf("%s is %v, which is not a whole number from %d to %d", field, *v, low, high)
	}
	return desired.Number(int(*v)), nil
}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// instant reads Unix seconds with a fraction, at the precision of a
// millisecond that Lambda sends.
func instant(seconds *float64) (time.Time, error) {
	if seconds == nil {
		return time.Time{}, nil
	}
	if *seconds < 0 || *seconds > lastSecond {
		return time.Time{}, fmt.Errorf("LastModified is %v, which is not a time in Unix seconds", *seconds)
	}
	return time.UnixMilli(int64(math.Round(*seconds * 1000))).UTC(), nil
}

// toNames converts a listing of names, and checks that each belongs to this
// function in this target. A listing of functions has no function.
func toNames(t desired.Target, function string, list []wireName) ([]string, error) {
	names := make([]string, len(list))
	for i, w := range list {
		if w.name == nil || *w.name == "" {
			return nil, fmt.Errorf("entry %d of the list has no name", i+1)
		}
		if w.arn != nil {
			if _, err := qualifierIn(t, cmp.Or(function, *w.name), *w.arn); err != nil {
				return nil, err
			}
		}
		names[i] = *w.name
	}
	return names, nil
}

// qualifierIn takes the qualifier off the ARN of a function that must be this one.
func qualifierIn(t desired.Target, function, arn string) (string, error) {
	name, qualifier, err := functionIn(t, arn)
	if err == nil && name != function {
		err = fmt.Errorf("%s is about function %q, and %q was asked for", arn, name, function)
	}
	return qualifier, err
}

// functionIn takes function and qualifier off a function ARN, which must be of
// this target. One without a qualifier means $LATEST.
func functionIn(t desired.Target, arn string) (function, qualifier string, err error) {
	p := strings.Split(arn, ":")
	if (len(p) != 7 && len(p) != 8) || p[0] != "arn" || p[2] != "lambda" || p[5] != "function" || p[6] == "" || p[len(p)-1] == "" {
		return "", "", fmt.Errorf("%q is not the ARN of a function", arn)
	}
	if p[4] != t.Account || p[3] != t.Region {
		return "", "", fmt.Errorf("%s is about %s/%s, and %s was asked", arn, p[4], p[3], t)
	}
	if len(p) == 7 {
		return p[6], desired.Latest, nil
	}
	return p[6], p[7], nil
}
