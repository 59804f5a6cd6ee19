import GAMProtocol
import Testing

@Suite struct StatusTests {
    @Test func exitCodesFollowTheProtocol() {
        #expect(Status.ok.exitCode.rawValue == 0)
        #expect(Status.notFound.exitCode.rawValue == 3)
        #expect(Status.integrity.exitCode.rawValue == 4)
        #expect(Status.badInput.exitCode.rawValue == 65)
        #expect(Status.unreachable.exitCode.rawValue == 69)
        #expect(Status.busy.exitCode.rawValue == 75)
    }
}
