package main

func nativeEncoders() []string { return nil }

// openNativeEncoder returns the function that opens the encoder called name, nil
// when there is none.
func openNativeEncoder(string, map[string]any) func() (subject, error) { return nil }
