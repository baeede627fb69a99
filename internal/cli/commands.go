package cli

// commands is the command table, in the order in which help lists it. It is
// made anew for each run, because the commands hold their options.
func commands() []*command {
	return []*command{
		serveCommand(),
		demoCommand(),
		replayCommand(),
		generateCommand(),
		verifyCommand(),
		validateCommand(),
		configCommand(),
		exportCommand(),
		reconcileCommand(),
		explainCommand(),
		benchCommand(),
		stateCommand(),
		fraudCommand(),
		healthCommand(),
		keyCommand(),
		privacyCommand(),
		completionCommand(),
		versionCommand(),
	}
}
