package awslambda

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/reconcile"
)

// wireSetting is the SDK's two lines of a setting: how it is read from a record, and how
// it is put into a write.
type wireSetting struct {
	get func(*types.FunctionEventInvokeConfig) desired.Value
	set func(*lambda.PutFunctionEventInvokeConfigInput, desired.Value)
}

// wireSettings does not compile while a setting has no row. Nothing else here names a
// setting.
//
// A destination that a write clears is sent as "", and Lambda leaves a side alone
// that is not sent.
var wireSettings [desired.NumSettings]wireSetting = [...]wireSetting{
	desired.MaximumRetryAttempts: {
		get: func(c *types.FunctionEventInvokeConfig) desired.Value { return number(c.MaximumRetryAttempts) },
		set: func(in *lambda.PutFunctionEventInvokeConfigInput, v desired.Value) {
			in.MaximumRetryAttempts = aws.Int32(int32(v.Int()))
		},
	},
	desired.MaximumEventAgeInSeconds: {
		get: func(c *types.FunctionEventInvokeConfig) desired.Value { return number(c.MaximumEventAgeInSeconds) },
		set: func(in *lambda.PutFunctionEventInvokeConfigInput, v desired.Value) {
			in.MaximumEventAgeInSeconds = aws.Int32(int32(v.Int()))
		},
	},
	desired.OnSuccess: {
		get: func(c *types.FunctionEventInvokeConfig) desired.Value {
			return text(or(or(c.DestinationConfig).OnSuccess).Destination)
		},
		set: func(in *lambda.PutFunctionEventInvokeConfigInput, v desired.Value) {
			destinations(in).OnSuccess = &types.OnSuccess{Destination: aws.String(v.Text())}
		},
	},
	desired.OnFailure: {
		get: func(c *types.FunctionEventInvokeConfig) desired.Value {
			return text(or(or(c.DestinationConfig).OnFailure).Destination)
		},
		set: func(in *lambda.PutFunctionEventInvokeConfigInput, v desired.Value) {
			destinations(in).OnFailure = &types.OnFailure{Destination: aws.String(v.Text())}
		},
	},
}

func number(v *int32) desired.Value {
	if v == nil {
		return desired.Value{}
	}
	return desired.Number(int(*v))
}

func text(v *string) desired.Value {
	if v == nil {
		return desired.Value{}
	}
	return desired.Text(*v)
}

// or is what p points to, or its zero value.
func or[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func destinations(in *lambda.PutFunctionEventInvokeConfigInput) *types.DestinationConfig {
	if in.DestinationConfig == nil {
		in.DestinationConfig = &types.DestinationConfig{}
	}
	return in.DestinationConfig
}

// toWrite is the body of a Put. That of an Update has the same form.
func toWrite(name desired.Name, c desired.Config) *lambda.PutFunctionEventInvokeConfigInput {
	in := &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &name.Function, Qualifier: qualifier(name)}
	for s, v := range c {
		if v.IsSet() {
			wireSettings[s].set(in, v)
		}
	}
	return in
}

// qualifier is nil for $LATEST: without one, Lambda means the same record.
func qualifier(n desired.Name) *string {
	if n.Qualifier == desired.Latest {
		return nil
	}
	return &n.Qualifier
}

// toRecord converts one record, and checks that it is one of this function in
// this target.
func toRecord(t desired.Target, function string, c *types.FunctionEventInvokeConfig) (reconcile.Record, error) {
	if c.FunctionArn == nil {
		return reconcile.Record{}, errors.New("a record is null, or has no FunctionArn")
	}
	qualifier, err := qualifierIn(t, function, *c.FunctionArn)
	if err != nil {
		return reconcile.Record{}, err
	}
	var values [desired.NumSettings]desired.Value
	for _, s := range desired.AllSettings() {
		values[s] = wireSettings[s].get(c)
		if err := s.Check(values[s]); err != nil {
			return reconcile.Record{}, err
		}
	}
	r := reconcile.Record{Qualifier: qualifier, Settings: reconcile.NewSettings(values)}
	if c.LastModified != nil {
		// Lambda sends milliseconds, as a float that the SDK takes for more.
		r.LastModified = c.LastModified.Round(time.Millisecond).UTC()
		if y := r.LastModified.Year(); y < 1970 || y > 9999 {
			return reconcile.Record{}, fmt.Errorf("LastModified is in the year %d", y)
		}
	}
	return r, nil
}

// written is the record that a write answered with. The SDK has a type for each
// write, with the fields of a record.
func written(out any) *types.FunctionEventInvokeConfig {
	c := &types.FunctionEventInvokeConfig{}
	from, to := reflect.ValueOf(out).Elem(), reflect.ValueOf(c).Elem()
	for i := range to.NumField() {
		if f := to.Type().Field(i); f.IsExported() {
			to.Field(i).Set(from.FieldByName(f.Name))
		}
	}
	return c
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
func functionIn(t desired.Target, s string) (function, qualifier string, err error) {
	a, err := arn.Parse(s)
	p := strings.Split(a.Resource, ":")
	if err != nil || a.Service != "lambda" || (len(p) != 2 && len(p) != 3) || p[0] != "function" || p[1] == "" || p[len(p)-1] == "" {
		return "", "", fmt.Errorf("%q is not the ARN of a function", s)
	}
	if a.AccountID != t.Account || a.Region != t.Region {
		return "", "", fmt.Errorf("%s is about %s/%s, and %s was asked", s, a.AccountID, a.Region, t)
	}
	if len(p) == 2 {
		return p[1], desired.Latest, nil
	}
	return p[1], p[2], nil
}
