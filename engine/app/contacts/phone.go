package contacts

import (
	"errors"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// ErrPhone says that a text is no phone number that exists.
var ErrPhone = errors.New("contacts: no valid phone number")

// arabicDigits are the digits that numbers are written with where Arabic or Persian is.
var arabicDigits = strings.NewReplacer(
	"٠", "0", "١", "1", "٢", "2", "٣", "3", "٤", "4", "٥", "5", "٦", "6", "٧", "7", "٨", "8", "٩", "9",
	"۰", "0", "۱", "1", "۲", "2", "۳", "3", "۴", "4", "۵", "5", "۶", "6", "۷", "7", "۸", "8", "۹", "9",
)

// Phone writes a phone number in E.164 (https://www.itu.int/rec/T-REC-E.164). A number without a country code is read as one of the
// region (ISO 3166-1 alpha-2), which may be empty. The error is ErrPhone.
func Phone(number, region string) (string, error) {
	number = strings.TrimSpace(arabicDigits.Replace(number))
	if rest, ok := strings.CutPrefix(number, "00"); ok {
		number = "+" + rest
	}
	if region == "" && !strings.HasPrefix(number, "+") {
		return "", ErrPhone
	}
	parsed, err := phonenumbers.Parse(number, region)
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return "", ErrPhone
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), nil
}
