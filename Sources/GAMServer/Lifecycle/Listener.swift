// Accepts connections and keeps count of them.
//
// What always holds:
// - A socket is removed only if nobody listens on it, or if we made it; one that systemd passed
//   is systemd's.
// - At most `connectionsMax` connections exist; one more is told so and closed.
// - Running out of descriptors closes the new connection and waits; it never spins.

import CLinux
import GAMProtocol
import Glibc
import Logging
import Synchronization

final class Listener: Sendable {
    private struct State {
        var connections: [ObjectIdentifier: Connection] = [:]
        var isStopping = false
        var isAccepting = false
        /// Held so that one connection can be accepted and refused when descriptors run out.
        var spare: Int32 = -1
    }

    private let path: String
    private let descriptor: Int32
    /// nil: systemd has made the socket.
    private let identity: SocketIdentity?
    private let connectionsMax: Int
    private let metrics: ServerMetrics
    private let log: Logger
    private let state = Monitor(State())
    private let makeConnection: @Sendable (Int32, Peer) -> Connection

    /// - Parameters:
    ///   - passed: a listening socket from systemd; nil: one is made at the configured path.
    ///   - connectionsMax: what the configuration and the limit of descriptors allow.
    init(
        _ settings: ServerConfiguration.Socket, passed: Int32?, connectionsMax: Int,
        metrics: ServerMetrics, log: Logger,
        makeConnection: @escaping @Sendable (Int32, Peer) -> Connection
    ) throws(Failure) {
        path = settings.path
        self.connectionsMax = connectionsMax
        self.metrics = metrics
        self.log = log
        self.makeConnection = makeConnection
        if let passed {
            descriptor = passed
            identity = nil
            return
        }
        try Self.removeStale(path)
        let result = clinux_listen(path, Int32(settings.backlog), UInt32(settings.mode))
        guard result >= 0 else {
            throw Failure.system("listening on \(path)", errno: -result)
        }
        descriptor = result
        guard let identity = SocketIdentity(path) else {
            close(result)
            throw Failure.system("looking at \(path)", errno: clinux_errno())
        }
        self.identity = identity
    }

    /// Removes a socket that a dead daemon left; throws when it is alive or no socket.
    private static func removeStale(_ path: String) throws(Failure) {
        guard path.utf8.count <= Int(CLINUX_SOCKET_PATH_MAX) else {
            let text = "the socket path \(path) is longer than \(CLINUX_SOCKET_PATH_MAX) bytes"
            throw Failure(.configuration, text + "; choose a shorter one with --socket")
        }
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Failure(.configuration, "\(path) exists and is no socket; choose another path")
        }
        let probe = clinux_connect(path)
        if probe >= 0 {
            close(probe)
            throw Failure(.busy, "another daemon listens on \(path); stop it or choose --socket")
        }
        guard probe == -ECONNREFUSED else {
            throw Failure.system("probing the socket \(path)", errno: -probe)
        }
        unlink(path)
    }

    func start() throws(Failure) {
        state.withLock { state in
            state.isAccepting = true
            state.spare = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        }
        guard startThread(named: "gamd-accept", acceptAll) else {
            throw Failure(.busy, "the system has no thread left for accepting connections")
        }
    }

    /// Accepts nothing more, lets no connection send requests, removes the socket.
    func stopAccepting() {
        if let identity, SocketIdentity(path) == identity { unlink(path) }
        state.withLock { $0.isStopping = true }
        // A socket of systemd must go on listening for the next start: it is only closed here, so
        // the accepting thread has to notice by itself.
        if identity != nil { shutdown(descriptor, Int32(SHUT_RDWR)) }
        _ = state.wait { $0.isAccepting ? nil : true }
        close(descriptor)
        for connection in connections() { connection.stopReading() }
    }

    /// Waits until all connections have ended; false when that took too long.
    func waitForConnections(milliseconds: Int) -> Bool {
        state.wait(milliseconds: milliseconds) { $0.connections.isEmpty ? true : nil } ?? false
    }

    func cancelRequests() {
        for connection in connections() { connection.cancelRunning() }
    }

    func abortConnections() {
        for connection in connections() { connection.abort() }
    }

    private func connections() -> [Connection] {
        state.withLock { Array($0.connections.values) }
    }

    private func acceptAll() {
        while !state.withLock({ $0.isStopping }) {
            let events = clinux_wait(descriptor, Int16(POLLIN), identity == nil ? 200 : -1)
            if events == 0 { continue }
            guard events > 0 else { break }
            let client = clinux_accept(descriptor)
            if client >= 0 {
                admit(client)
            } else if client == -EMFILE || client == -ENFILE {
                refuseWithSpareDescriptor()
            } else if client != -EAGAIN && client != -ECONNABORTED {
                if state.withLock({ $0.isStopping }) { break }
                log.warning("accepting a connection failed: \(String(cString: strerror(-client)))")
                usleep(100_000)
            }
        }
        state.withLock { state in
            if state.spare >= 0 { close(state.spare) }
            state.isAccepting = false
        }
    }

    /// No descriptor is left: frees the spare one to take the client off the queue, and waits.
    private func refuseWithSpareDescriptor() {
        metrics.refusedConnections.increment()
        log.event(
            .connectionsRefused, .warning,
            "out of descriptors; refusing connections, raise the limit of open files")
        state.withLock { state in
            if state.spare >= 0 { close(state.spare) }
            let client = clinux_accept(descriptor)
            if client >= 0 { close(client) }
            state.spare = Glibc.open("/dev/null", O_RDONLY | O_CLOEXEC)
        }
        usleep(100_000)
    }

    private func admit(_ client: Int32) {
        var credentials = clinux_peer()
        guard clinux_peer_of(client, &credentials) == 0 else {
            close(client)
            return
        }
        let peer = Peer(user: credentials.uid, process: credentials.pid)
        let connection = makeConnection(client, peer)
        if connection.access == .denied {
            metrics.refusedConnections.increment()
            log.info("user \(peer.user) is denied", metadata: [LogField.user: "\(peer.user)"])
            let text = "user \(peer.user) may not use this daemon (access.deny_users)"
            return connection.refuse(Failure(.permission, text))
        }
        let isAdmitted = state.withLock { state in
            guard !state.isStopping, state.connections.count < connectionsMax else { return false }
            state.connections[ObjectIdentifier(connection)] = connection
            return true
        }
        guard isAdmitted else {
            metrics.refusedConnections.increment()
            let text = "more than \(connectionsMax) connections are open; try again later"
            return connection.refuse(Failure(.busy, text))
        }
        log.debug("connection of process \(peer.process), user \(peer.user)")
        metrics.connections.increment()
        let started = startThread(named: "gamd-client") { [self] in
            connection.run()
            remove(connection)
        }
        guard started else {
            remove(connection)
            let text = "the system has no thread left; try again later"
            return connection.refuse(Failure(.busy, text))
        }
    }

    private func remove(_ connection: Connection) {
        metrics.connections.decrement()
        state.withLock { $0.connections[ObjectIdentifier(connection)] = nil }
    }

    /// After a change of the access rules: whoever has another level now is sent away, once the
    /// running requests are answered.
    func applyAccess(_ level: (UInt32) -> AccessLevel) {
        for connection in connections() where level(connection.peer.user) != connection.access {
            connection.stopReading()
        }
    }
}

/// Tells one socket file from another at the same path.
private struct SocketIdentity: Equatable, Sendable {
    let device: UInt
    let inode: UInt

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = UInt(status.st_dev)
        inode = UInt(status.st_ino)
    }
}
