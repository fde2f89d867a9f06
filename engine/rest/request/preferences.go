package request

// Preferences is the Prefer header, decoded
// (https://docs.postgrest.org/en/v14/references/api/preferences.html). Empty strings mean "not given".
type Preferences struct {
	Resolution     string // merge-duplicates | ignore-duplicates
	Representation string // representation | minimal | headers-only
	Count          string // exact | planned | estimated
	Transaction    string // commit | rollback; only when the configuration allows overriding
	Missing        string // default | null
	Handling       string // strict | lenient
	Timezone       string // only when the database knows the name
	// MaxAffected is the limit of max-affected; HasMaxAffected tells 0 from absent.
	MaxAffected    int64
	HasMaxAffected bool
	// Invalid lists what was not understood, for handling=strict.
	Invalid []string
}
