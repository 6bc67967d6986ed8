import com.sun.tools.ws.wscompile.WsimportTool;

// wsimport of several WSDLs at once: Import FOLDER URL...
public class Import {
  public static void main(String[] arguments) throws Throwable {
    for (int i = 1; i < arguments.length; ++i) {
      String[] options = {"-quiet", "-extension", "-Xnocompile", "-keep", "-s", arguments[0], arguments[i]};
      if (!new WsimportTool(System.err).run(options)) {
        System.exit(1);
      }
    }
  }
}
