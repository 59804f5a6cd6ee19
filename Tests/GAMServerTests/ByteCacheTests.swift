import GAMServer
import Testing

@Suite struct ByteCacheTests {
    @Test func aScanDoesNotDriveOutWhatIsInUse() {
        let cache = ByteCache<Int, Int>(budget: 1000)
        for round in 0..<3 {
            for key in 0..<60 where cache[key] == nil { cache.insert(round, for: key, cost: 10) }
        }
        for key in 1000..<5000 { cache.insert(0, for: key, cost: 10) }
        let kept = (0..<60).count { cache[$0] != nil }
        #expect(kept == 60)
        #expect(cache.figures.bytes <= 1000)
    }

    @Test func whatComesBackSoonIsKept() {
        let cache = ByteCache<Int, Int>(budget: 1000)
        for key in 0..<200 { cache.insert(0, for: key, cost: 10) }
        // It had to leave the trial queue without being asked for; asked for now, it goes to main.
        #expect(cache[99] == nil || cache[98] == nil)
        for key in 150..<160 where cache[key] == nil { cache.insert(1, for: key, cost: 10) }
        for key in 150..<160 { #expect(cache[key] != nil) }
        for key in 2000..<2500 { cache.insert(0, for: key, cost: 10) }
        #expect((150..<160).allSatisfy { cache[$0] != nil })
    }

    @Test func theBudgetHoldsAndValuesAreTheNewestUnderRandomUse() {
        let seed = UInt64.random(in: 0..<1 << 32)
        var state = seed
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let cache = ByteCache<Int, Int>(budget: 5000)
        var newest: [Int: Int] = [:]
        var bytes = 0
        for step in 0..<50_000 {
            let key = next(next(2) == 0 ? 40 : 2000)
            if next(3) == 0 {
                let cost = 1 + next(step % 7 == 0 ? 1600 : 90)
                cache.insert(step, for: key, cost: cost)
                if cost <= 1250 { newest[key] = step }
            } else if let value = cache[key] {
                #expect(value == newest[key], "seed \(seed) step \(step)")
            }
            bytes = max(bytes, cache.figures.bytes)
        }
        #expect(bytes <= 5000, "seed \(seed)")
        #expect(cache.figures.hits > 1000)
    }
}
