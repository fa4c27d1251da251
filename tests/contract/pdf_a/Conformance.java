import java.io.FileInputStream;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.Foundries;
import org.verapdf.pdfa.PDFAParser;
import org.verapdf.pdfa.PDFAValidator;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.TestAssertion;
import org.verapdf.pdfa.results.ValidationResult;

/** Says which rules of PDF/A-3b each file breaks, a line each: file, clause, message. Ends with 1 if there is any. */
public class Conformance {
    public static void main(String[] files) throws Exception {
        VeraGreenfieldFoundryProvider.initialise();
        boolean broken = false;
        for (String file : files) {
            try (PDFAParser parser = Foundries.defaultInstance().createParser(new FileInputStream(file), PDFAFlavour.PDFA_3_B);
                    PDFAValidator validator = Foundries.defaultInstance().createValidator(PDFAFlavour.PDFA_3_B, false)) {
                ValidationResult result = validator.validate(parser);
                broken |= !result.isCompliant();
                for (TestAssertion assertion : result.getTestAssertions()) {
                    System.out.println(file + " " + assertion.getRuleId().getClause() + " " + assertion.getMessage());
                }
            }
        }
        System.exit(broken ? 1 : 0);
    }
}
