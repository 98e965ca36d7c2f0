"""Landing files to bronze: control files verified, records parsed once into typed good rows and quarantined bad ones."""
