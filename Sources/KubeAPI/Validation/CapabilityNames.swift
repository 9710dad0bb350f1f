extension Names {
    /// As capabilities(7) has them, up to Linux 5.9, which added the last.
    private static let capabilities = Set(
        """
        AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH
        FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN
        NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYSLOG SYS_ADMIN SYS_BOOT
        SYS_CHROOT SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG WAKE_ALARM
        """.split(whereSeparator: \.isWhitespace).map(String.init))

    /// In any case, with or without `CAP_`, as container runtimes take them.
    static func capability(_ text: String) -> String? {
        let name = text.uppercased()
        let plain = name.hasPrefix("CAP_") ? String(name.dropFirst(4)) : name
        return plain == "ALL" || capabilities.contains(plain)
            ? nil : "must be ALL or the name of a capability, such as NET_ADMIN"
    }
}
