package clickhouse

// What the tests outside of the package share with those inside.
var (
	ReadViews = readViews
	ConfigFor = configFor
	OpenSink  = openSink
)
