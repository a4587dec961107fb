package tripline

import (
	"errors"
	"fmt"
)

// Failure is why a change failed, and what the host is to do about it. Any other error of a handler is delivered again.
type Failure struct {
	// Rejects: to the dead letters at once. Else the change is delivered again, as the trigger's retry policy says.
	Rejects bool
	cause   error
}

func (failure *Failure) Error() string { return failure.cause.Error() }
func (failure *Failure) Unwrap() error { return failure.cause }

// Retry is a failure that may pass: the change is delivered again. Of nil it is nil: `return tripline.Retry(send())`.
func Retry(err error) error {
	if err == nil {
		return nil
	}
	return &Failure{cause: err}
}

// Retryf is Retry with a message; %w wraps.
func Retryf(format string, args ...any) error { return Retry(fmt.Errorf(format, args...)) }

// Reject is a failure that stays: the change goes to the dead letters at once. Of nil it is nil.
func Reject(err error) error {
	if err == nil {
		return nil
	}
	return &Failure{Rejects: true, cause: err}
}

// Rejectf is Reject with a message; %w wraps.
func Rejectf(format string, args ...any) error { return Reject(fmt.Errorf(format, args...)) }

// Code is what kind of error the host answered with.
type Code string

const (
	AccessDenied    Code = "access-denied"
	Invalid         Code = "invalid"
	Unavailable     Code = "unavailable"
	ConditionFailed Code = "condition-failed"
	// Cancelled is a transaction's: see HostError.Causes.
	Cancelled Code = "cancelled"
)

// HostError is what the host answered. What is unavailable is delivered again, and all else goes to the dead letters, where a handler returns it.
type HostError struct {
	// What was asked for.
	What   string
	Code   Code
	Reason string
	// Causes has for each write of a cancelled transaction its error, or nil.
	Causes []*HostError
}

func (err *HostError) Error() string {
	switch err.Code {
	case ConditionFailed:
		return err.What + ": the condition did not hold"
	case Cancelled:
		text := err.What + ": the transaction was cancelled"
		for at, cause := range err.Causes {
			if cause != nil {
				text += fmt.Sprintf("; write %d: %s", at+1, cause.Error())
			}
		}
		return text
	default:
		return err.What + ": " + err.Reason
	}
}

// May another try end otherwise? Of a transaction only where each cause may pass.
func (err *HostError) mayPass() bool {
	if err.Code != Cancelled {
		return err.Code == Unavailable
	}
	for _, cause := range err.Causes {
		if cause != nil && !cause.mayPass() {
			return false
		}
	}
	return true
}

// IsCode says whether the error is the host's, of this kind.
func IsCode(err error, code Code) bool {
	var host *HostError
	return errors.As(err, &host) && host.Code == code
}

// Rejects says whether a change that failed with this error goes to the dead letters at once. What is said last, nearest to the handler, counts.
func Rejects(err error) bool {
	var failure *Failure
	if errors.As(err, &failure) {
		return failure.Rejects
	}
	var host *HostError
	return errors.As(err, &host) && !host.mayPass()
}
